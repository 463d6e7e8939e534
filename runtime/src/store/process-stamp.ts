/** A process told apart from a later one with the same number. */
import { readFileSync } from "node:fs";

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
  return startTicksOf(pid) === startTicks;
}

function startTicksOf(pid: number): string | undefined {
  try {
    // The second field, the program's name, may hold spaces and parentheses: count from behind it.
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
      .replace(/^.*\) /s, "")
      .split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
