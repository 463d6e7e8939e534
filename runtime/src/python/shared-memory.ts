/** Large buffers for another process of this machine, without a file that could be left behind. */
import { closeSync, openSync, writeSync } from "node:fs";
import { libcFunction } from "../store/libc.ts";
import { mapFile } from "../store/memory-map.ts";

/** Linux only. */
const memfd = libcFunction("int memfd_create(const char *name, unsigned int flags)");
const CLOSE_ON_EXEC = 1;
/** What one write takes at most, with room. */
const WRITE_BYTES = 2 ** 30;

/** Can memory be shared in this way here? */
export const sharesMemory: boolean = process.platform === "linux";

/** The descriptor of a file in memory with these bytes; it is gone when it is closed. */
export function share(bytes: Uint8Array): number {
  const fd = memfd("mobula", CLOSE_ON_EXEC) as number;
  if (fd < 0) throw new Error("the system gives no more memory files: too many open files");
  try {
    for (let at = 0; at < bytes.byteLength; ) {
      at += writeSync(fd, bytes, at, Math.min(WRITE_BYTES, bytes.byteLength - at));
    }
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** What process `pid` shares under its descriptor `fd`. */
export function mapShared(pid: number, fd: number, size: number): Uint8Array {
  const own = openSync(`/proc/${pid}/fd/${fd}`, "r");
  try {
    return new Uint8Array(mapFile(own, 0, size));
  } finally {
    closeSync(own);
  }
}
