/** Lines of the log files of Ray's workers, with what our own processes note beside them. */
import type { LoggedOutput } from "../../protocol/ray.ts";
import type { LogLine } from "../../protocol/state.ts";
import { known } from "./ray-fields.ts";
import type { LogFile } from "./ray-log-files.ts";

/** What the shim prints for the Node process beside it; see `marks.py`. */
const OUTPUT_MARK = "\u001emobula ";
/** Ray notes in the files for whom the next lines are. */
const OF_RAY = /^:(job_id|actor_name|task_name):/;

/** A line, without where it was printed. */
export type LogText = Pick<LogLine, "text" | "atMs" | "task" | "name" | "cellId">;

/** What a Node process printed has its origin beside it. @param lines - of a file, as Ray gives them */
export function logLines(lines: readonly string[]): LogText[] {
  return lines.flatMap((line) => {
    if (line === "" || OF_RAY.test(line)) return [];
    // What a library in C prints may share a line with a message.
    const [before = "", ...messages] = line.split(OUTPUT_MARK);
    return [...(before === "" ? [] : [{ text: before }]), ...messages.flatMap(linesOfMessage)];
  });
}

function linesOfMessage(message: string): LogText[] {
  let output: Logged;
  try {
    output = JSON.parse(message) as Logged;
  } catch {
    return [{ text: message }]; // it was cut
  }
  // Others tell the session how the calls of its workers are going.
  if (output.type !== "output") return [];
  const about = {
    name: output.source,
    ...known("atMs", output.atMs),
    ...known("task", output.task ?? undefined),
    ...known("cellId", output.execution?.cellId),
  };
  return output.text
    .replace(/\n$/, "")
    .split("\n")
    .map((each) => ({ text: each, ...about }));
}

/** A worker of an older version notes less. */
type Logged = Omit<LoggedOutput, "atMs"> & { readonly atMs?: number };

export function inFile({ worker, pid, stream }: Pick<LogFile, "worker" | "pid" | "stream">, line: LogText): LogLine {
  return { worker, pid, stream, ...line };
}

/**
 * Lines of several files, oldest first. A line without a time comes behind the one before it in its file, one at the start of a
 * file before the next; those of a file without any time come last.
 *
 * @param files - lines of one file each
 */
export function inOrder(files: readonly (readonly LogLine[])[]): LogLine[] {
  return files
    .flatMap((lines) => {
      let atMs = lines.find((line) => line.atMs !== undefined)?.atMs ?? Number.POSITIVE_INFINITY;
      return lines.map((line) => {
        atMs = line.atMs ?? atMs;
        return { line, atMs };
      });
    })
    .sort((a, b) => (a.atMs === b.atMs ? 0 : a.atMs - b.atMs))
    .map(({ line }) => line);
}
