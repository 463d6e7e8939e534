/** What the system says of a process. */
import { readFileSync } from "node:fs";

/**
 * Fields of `/proc/<pid>/stat` from the third (the state) on, so field n of proc(5) is at n - 3.
 *
 * @returns undefined when there is no such process, or no /proc
 */
export function processStat(pid: number): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The second field is the program's name in brackets, and may hold spaces and brackets: count after it.
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}
