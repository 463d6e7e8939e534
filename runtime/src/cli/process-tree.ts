/** The processes that descend from one, and their end: what a stopped program left behind must not run on. */
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

export interface ProcessFacts {
  readonly pid: number;
  readonly parentPid: number;
  /** Differs between two processes that had the same pid one after the other. */
  readonly startTime: string;
}

/** All processes below `rootPid` now, without `rootPid` itself. */
export async function descendantsOf(rootPid: number): Promise<ProcessFacts[]> {
  const all = await listProcesses();
  const found: ProcessFacts[] = [];
  const parents = new Set([rootPid]);
  for (let isGrowing = true; isGrowing; ) {
    const next = all.filter(({ pid, parentPid }) => parents.has(parentPid) && !parents.has(pid));
    for (const facts of next) parents.add(facts.pid);
    found.push(...next);
    isGrowing = next.length > 0;
  }
  return found;
}

/** Wait until these processes are gone; the ones that are not after `graceMs` are killed. */
export async function ensureGone(processes: readonly ProcessFacts[], graceMs: number): Promise<void> {
  const deadline = Date.now() + graceMs;
  let left = await stillRunning(processes);
  while (left.length > 0 && Date.now() < deadline) {
    await sleep(50);
    left = await stillRunning(left);
  }
  for (const { pid } of left) signalQuietly(pid, "SIGKILL");
}

/** Send a signal to a process, or with a negative number to a process group, that may be gone already. */
export function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function stillRunning(processes: readonly ProcessFacts[]): Promise<ProcessFacts[]> {
  if (processes.length === 0) return [];
  const now = new Map((await listProcesses()).map((facts) => [facts.pid, facts.startTime]));
  return processes.filter(({ pid, startTime }) => now.get(pid) === startTime);
}

async function listProcesses(): Promise<ProcessFacts[]> {
  return process.platform === "linux" ? listFromProc() : listFromPs();
}

async function listFromProc(): Promise<ProcessFacts[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const all = await Promise.all(pids.map(readStat));
  return all.filter((facts) => facts !== undefined);
}

/** See proc_pid_stat(5). The program's name in parentheses may itself hold spaces and parentheses. */
async function readStat(pid: string): Promise<ProcessFacts | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const [state, parentPid] = fields;
    // A zombie has ended; only its parent has not looked yet.
    if (state === "Z") return undefined;
    return { pid: Number(pid), parentPid: Number(parentPid), startTime: fields[19] ?? "" };
  } catch {
    return undefined;
  }
}

async function listFromPs(): Promise<ProcessFacts[]> {
  const { stdout } = await promisify(execFile)("ps", ["-A", "-o", "pid=,ppid=,stat=,lstart="]);
  return stdout.split("\n").flatMap((line) => {
    const [, pid, parentPid, state, startTime] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    if (pid === undefined || state?.startsWith("Z")) return [];
    return [{ pid: Number(pid), parentPid: Number(parentPid), startTime: startTime ?? "" }];
  });
}
