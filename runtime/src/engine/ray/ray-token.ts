/** The token of a Ray cluster, where Ray's own tools find it. */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where Ray itself looks for its token, in its order. */
export function rayToken({ RAY_AUTH_TOKEN: token, RAY_AUTH_TOKEN_PATH: path }: NodeJS.ProcessEnv): string | undefined {
  if (token) return token.trim();
  try {
    return readFileSync(path || join(homedir(), ".ray", "auth_token"), "utf8").trim() || undefined;
  } catch {
    // The cluster says whether it wants one.
    return undefined;
  }
}
