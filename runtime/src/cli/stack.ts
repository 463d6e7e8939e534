/** `mobula stack`: the code that workers are in. */
import type { StackDump, StateList } from "../protocol/state.ts";
import { ADDRESS_HELP, ADDRESS_OPTIONS, findCluster } from "./cluster-source.ts";
import { type Command, EXIT_CODES, usageError } from "./command.ts";
import { formatSpan } from "./table.ts";

export const stackCommand: Command = {
  name: "stack",
  summary: "the code that busy workers are in",
  help: `Usage: mobula stack [WORKER] [OPTIONS]

The JavaScript stack of a worker (its id or pid), also while it spins; of all that work when none is named. The worker
is held for a few milliseconds. On a Ray cluster a job asks, which takes some seconds; workers that run Python are left out.

Options:
${ADDRESS_HELP}

Example:
  mobula stack w3
`,
  options: ADDRESS_OPTIONS,
  run: async (values, [worker, ...more]) => {
    if (more.length > 0) throw usageError(`'mobula stack' takes one worker, and '${more[0]}' is too much.`);
    const source = await findCluster(values);
    const list = await source.read("stack", worker === undefined ? {} : { worker });
    const text = values["json"] === true ? JSON.stringify(list, undefined, 2) : formatStacks(list, Date.now());
    process.stdout.write(`${text}\n`);
    return EXIT_CODES.ok;
  },
};

export function formatStacks({ items }: StateList<StackDump>, nowMs: number): string {
  if (items.length === 0) return "No worker is busy.";
  return items.map((dump) => formatStack(dump, nowMs)).join("\n\n");
}

function formatStack({ worker, pid, state, task, name, sinceMs, frames }: StackDump, nowMs: number): string {
  const since = sinceMs === undefined ? "" : ` for ${formatSpan(nowMs - sinceMs)}`;
  const what = state === "idle" ? "idle" : `${name === undefined ? "busy" : `'${name}'`}${since}`;
  const header = `${worker} (pid ${pid}): ${what}${task === undefined ? "" : `, task ${task}`}`;
  if (state === "no-answer") return `${header}\n    (no answer: the process is suspended or gone)`;
  if (state === "idle") return header;
  if (frames.length === 0) return `${header}\n    (no JavaScript runs: it waits, or is in native code)`;
  const lines = frames.map((frame) => {
    const place = frame.file === "" ? "" : ` (${frame.file}:${frame.line}:${frame.column})`;
    return `    at ${frame.function === "" ? "(anonymous)" : frame.function}${place}`;
  });
  return [header, ...lines].join("\n");
}
