/**
 * What proves to a hub that a driver is of the user who started it. The cluster is told its hash only: everybody who may use
 * the cluster sees how its jobs were started.
 */
import { createHash, createHmac, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FILE = "ray-hub.key";

/** Another one for each cluster, so that none can pass for the user at another. */
export function hubSecret(folder: string, cluster: string): string {
  return createHmac("sha256", userKey(folder)).update(cluster).digest("hex");
}

export function secretHash(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

function userKey(folder: string): string {
  const path = join(folder, FILE);
  try {
    writeFileSync(path, randomBytes(32).toString("hex"), { mode: 0o600, flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  return readFileSync(path, "utf8");
}
