/** How much memory is in use: by the machine, by this process's control group, by one process. From /proc and /sys. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { machineMemory } from "./machine-stats.ts";

const PAGE_BYTES = 4096;
/** Kernels write a number near 2⁶³ where a group of version 1 has no limit. */
const NO_LIMIT_BYTES = 2 ** 60;

export interface MemoryReading {
  readonly what: "the machine" | "its control group";
  readonly usedBytes: number;
  readonly totalBytes: number;
}

/** The machine's memory, and that of the control group (a container's limit) where it has less. */
export function memoryReadings(): MemoryReading[] {
  const machine: MemoryReading = { what: "the machine", ...machineMemory() };
  const group = controlGroupMemory();
  if (group === undefined || group.totalBytes >= machine.totalBytes) return [machine];
  return [machine, { what: "its control group", ...group }];
}

/**
 * The tightest memory limit of this process's control group and those above it, of either version. File pages that the
 * kernel can drop do not count as used.
 *
 * @param root - where `/proc` and `/sys` are; another one in tests
 * @returns undefined without a limit
 */
export function controlGroupMemory(root = "/"): { usedBytes: number; totalBytes: number } | undefined {
  const groups = textOf(join(root, "proc/self/cgroup"));
  const unified = /^0::(\S*)$/m.exec(groups)?.[1];
  const memory = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(\S*)$/m.exec(groups)?.[1];
  const found = [
    ...(memory === undefined ? [] : limitsUpwards(join(root, "sys/fs/cgroup/memory"), memory, VERSION_1)),
    ...(unified === undefined ? [] : limitsUpwards(join(root, "sys/fs/cgroup"), unified, VERSION_2)),
  ];
  return found.sort((a, b) => a.totalBytes - b.totalBytes)[0];
}

interface GroupFiles {
  readonly limit: string;
  readonly usage: string;
  readonly inactive: RegExp;
}

const VERSION_1: GroupFiles = {
  limit: "memory.limit_in_bytes",
  usage: "memory.usage_in_bytes",
  inactive: /^total_inactive_file (\d+)$/m,
};
const VERSION_2: GroupFiles = { limit: "memory.max", usage: "memory.current", inactive: /^inactive_file (\d+)$/m };

/** In a container the path is often that of the machine, which is not there: then the mount itself is the group. */
function limitsUpwards(mount: string, path: string, files: GroupFiles): { usedBytes: number; totalBytes: number }[] {
  const found: { usedBytes: number; totalBytes: number }[] = [];
  for (let at = path; ; at = dirname(at)) {
    const folder = join(mount, at);
    const totalBytes = Number.parseInt(textOf(join(folder, files.limit)), 10);
    const usedBytes = Number.parseInt(textOf(join(folder, files.usage)), 10);
    if (totalBytes < NO_LIMIT_BYTES && usedBytes >= 0) {
      const inactive = Number(files.inactive.exec(textOf(join(folder, "memory.stat")))?.[1] ?? 0);
      found.push({ usedBytes: Math.max(0, usedBytes - inactive), totalBytes });
    }
    if (at === "/" || at === "." || at === "") return found;
  }
}

/** Memory that is the process's alone: what its end would give back. 0 when it is gone. */
export function privateBytesOf(pid: number): number {
  const [, resident = "0", shared = "0"] = textOf(`/proc/${pid}/statm`).split(" ");
  return Math.max(0, Number(resident) - Number(shared)) * PAGE_BYTES;
}

/** The same, with that of the processes it has started, such as the Python process beside a worker. */
export function privateBytesOfFamily(pid: number): number {
  const children = textOf(`/proc/${pid}/task/${pid}/children`)
    .split(" ")
    .filter((text) => text !== "");
  return children.reduce((sum, child) => sum + privateBytesOfFamily(Number(child)), privateBytesOf(pid));
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
