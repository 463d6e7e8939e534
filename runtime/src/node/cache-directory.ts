/** Where things are kept that can be made again. */
import { homedir } from "node:os";
import { join } from "node:path";

/** The user's folder for caches of this package. */
export function cacheDirectory(): string {
  const own = process.env["MOBULA_CACHE_DIRECTORY"];
  if (own !== undefined && own !== "") return own;
  const root = process.env["XDG_CACHE_HOME"];
  if (root !== undefined && root.startsWith("/")) return join(root, "mobula");
  return process.platform === "darwin" ? join(homedir(), "Library/Caches/mobula") : join(homedir(), ".cache/mobula");
}
