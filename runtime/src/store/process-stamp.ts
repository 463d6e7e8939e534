/** A process told apart from a later one with the same number. */
import { processStat } from "./process-stat.ts";

export interface ProcessStamp {
  readonly pid: number;
  /** Clock ticks between the machine's start and the process's; empty where the system does not tell. */
  readonly startTicks: string;
}

export function processStamp(pid: number): ProcessStamp {
  return { pid, startTicks: startTicksOf(pid) ?? "" };
}

/** Does the process still run? */
export function isSameProcess({ pid, startTicks }: ProcessStamp): boolean {
  // Where the system tells no start, nothing tells a later process of that number apart: better keep what is nobody's.
  return startTicks === "" ? isRunning(pid) : startTicksOf(pid) === startTicks;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function startTicksOf(pid: number): string | undefined {
  const fields = processStat(pid);
  return fields?.[0] === "Z" ? undefined : fields?.[19];
}
