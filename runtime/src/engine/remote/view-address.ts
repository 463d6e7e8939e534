/** Where the sockets for panels of remote drivers lie. */
import { randomBytes } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isSameProcess, processStamp } from "../../store/process-stamp.ts";

/** Longer paths of unix sockets are refused by the system (108 bytes). */
const MAX_ROOT_LENGTH = 40;
const FOLDER = /^mobula-view-(\d+)-(\d*)-[0-9a-f]+$/;

/** A path in a folder that does not exist yet. Folders of processes that were killed are removed. */
export function newViewAddress(): string {
  const root = tmpdir().length <= MAX_ROOT_LENGTH ? tmpdir() : "/tmp";
  for (const name of readdirSync(root)) {
    const [, pid, startTicks] = FOLDER.exec(name) ?? [];
    if (pid === undefined || !startTicks || isSameProcess({ pid: Number(pid), startTicks })) continue;
    rmSync(join(root, name), { recursive: true, force: true });
  }
  const { pid, startTicks } = processStamp(process.pid);
  return join(root, `mobula-view-${pid}-${startTicks}-${randomBytes(4).toString("hex")}`, "view.sock");
}
