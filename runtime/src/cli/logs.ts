/** `mobula logs`: what workers printed. */
import type { FollowedLines, LogLine, StateParameters } from "../protocol/state.ts";
import { ADDRESS_HELP, ADDRESS_OPTIONS, type ClusterSource, findCluster } from "./cluster-source.ts";
import { type Command, EXIT_CODES, type ExitCode, type OptionValues, textOf, usageError } from "./command.ts";
import { formatList } from "./state-tables.ts";
import { formatTime, outputWidth } from "./table.ts";

export const logsCommand: Command = {
  name: "logs",
  summary: "what workers printed",
  help: `Usage: mobula logs [WORKER|ACTOR|JOB] [OPTIONS]

The output of a worker (id or pid), an actor (id, name or class) or a job, each line with its time and task; without a
name, which logs there are. Also what a notebook left out because a task printed too much. Each worker's last 4 MB are
kept, as long as the cluster runs.

Options:
      --tail N           the last N lines; 100 by default
  -f, --follow           go on with new lines; without a name, of all workers
      --task ID          only lines of this task
${ADDRESS_HELP}

Example:
  mobula logs w1 --tail 20 --follow
`,
  options: {
    ...ADDRESS_OPTIONS,
    tail: { type: "string" },
    follow: { type: "boolean", short: "f" },
    task: { type: "string" },
  },
  run: async (values, [name, ...more]) => {
    if (more.length > 0) throw usageError(`'mobula logs' takes one name, and '${more[0]}' is too much.`);
    const source = await findCluster(values);
    const task = textOf(values, "task");
    if (name === undefined && task === undefined && values["follow"] !== true) return listLogs(source, values);
    const target = name === undefined ? {} : await targetOf(source, name);
    return tail(source, { ...target, ...(task === undefined ? {} : { task }) }, values);
  },
};

async function listLogs(source: ClusterSource, values: OptionValues): Promise<ExitCode> {
  const list = await source.read("logs", { limit: "10000" });
  const size = { width: outputWidth(), nowMs: Date.now() };
  process.stdout.write(
    `${values["json"] === true ? JSON.stringify(list, undefined, 2) : formatList("logs", list, size)}\n`,
  );
  return EXIT_CODES.ok;
}

/** Workers are called w1, w2, …; jobs and actors by what lists them. */
async function targetOf(source: ClusterSource, name: string): Promise<StateParameters> {
  const jobs = await source.read("jobs", { limit: "10000" });
  const job = jobs.items.find((each) => each.id === name || each.name === name);
  if (job !== undefined) return { job: job.id };
  const logs = await source.read("logs", { limit: "10000" });
  if (logs.items.some(({ worker, pid }) => worker === name || String(pid) === name)) return { worker: name };
  return { actor: name };
}

async function tail(source: ClusterSource, target: StateParameters, values: OptionValues): Promise<ExitCode> {
  const parameters = { ...target, limit: textOf(values, "tail") ?? "100" };
  const isJson = values["json"] === true;
  if (values["follow"] !== true) {
    const lines = await source.read("logs/tail", parameters);
    print(lines, isJson);
    if (lines.items.length === 0) process.stderr.write("Nothing was printed there yet.\n");
    return EXIT_CODES.ok;
  }
  for await (const lines of source.followLogs(parameters)) print(lines, isJson);
  process.stderr.write("The cluster has ended.\n");
  return EXIT_CODES.ok;
}

function print({ items, notes }: FollowedLines, isJson: boolean): void {
  const nowMs = Date.now();
  for (const line of items) process.stdout.write(`${isJson ? JSON.stringify(line) : formatLine(line, nowMs)}\n`);
  for (const note of notes) process.stderr.write(`${note}\n`);
}

export function formatLine({ atMs, worker, stream, name, text }: LogLine, nowMs: number): string {
  const who = name === undefined ? worker : `${worker} ${name}`;
  const when = atMs === undefined ? "" : `${formatTime(atMs, nowMs)} `;
  return `${when}(${who})${stream === "stderr" ? " ! " : " "}${text}`;
}
