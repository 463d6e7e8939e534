/** `mobula job`: notebooks and scripts as jobs of a Ray cluster. */
import { isOver } from "../engine/ray/hub.ts";
import { followLog } from "../engine/ray/job-log.ts";
import type { JobDetails } from "../engine/ray/jobs-api.ts";
import { checkWritable } from "../jobs/notebook-file.ts";
import {
  type Command,
  CommandError,
  EXIT_CODES,
  type ExitCode,
  type OptionValues,
  textOf,
  usageError,
} from "./command.ts";
import { followToTheEnd, saveOutput, submitCommand } from "./job-submit.ts";
import { asked, jobOf, rayCluster, rayHelp } from "./ray-jobs.ts";
import { formatDuration } from "./run-progress.ts";
import { type Column, formatTable } from "./table.ts";

const ADDRESS = { address: { type: "string" } } as const;

const LIST_HELP = `Usage: mobula job list [OPTIONS]

The jobs that a Ray cluster has run since it was started, the newest first: those of 'mobula job submit' and of Ray's own tools.

Options:
      --json             print JSON instead of a table
${rayHelp(25)}

Example:
  mobula job list --address ray://head:8265
`;

const LOGS_HELP = `Usage: mobula job logs ID [OPTIONS]

What a job has printed.

Options:
      --follow           and what it will print, until it is over; the exit code is the job's then
${rayHelp(25)}

Example:
  mobula job logs train-3fa29c01 --follow
`;

const STATUS_HELP = `Usage: mobula job status ID [OPTIONS]

How a job is: PENDING, RUNNING, SUCCEEDED, FAILED or STOPPED.

Options:
      --json             print all that the cluster tells of it, as JSON
${rayHelp(25)}

Example:
  mobula job status train-3fa29c01
`;

const STOP_HELP = `Usage: mobula job stop ID [OPTIONS]

End a job. It has three seconds to end in good order; what its notebook showed until then can be fetched.

Options:
${rayHelp(25)}

Example:
  mobula job stop train-3fa29c01
`;

const FETCH_HELP = `Usage: mobula job fetch ID --output PATH [OPTIONS]

The executed notebook of a job, also while it runs: then it holds what has happened so far. The cluster keeps it until it ends.

Options:
  -o, --output PATH      where to write it
${rayHelp(25)}

Example:
  mobula job fetch train-3fa29c01 -o runs/train.ipynb
`;

type Action = Pick<Command, "summary" | "help" | "run"> & { readonly options?: Command["options"] };

function action(name: string, { options = {}, ...more }: Action): Command {
  return { name: `job ${name}`, options: { ...ADDRESS, ...options }, ...more };
}

const ACTIONS: readonly Command[] = [
  submitCommand,
  action("list", { summary: "list jobs", help: LIST_HELP, options: { json: { type: "boolean" } }, run: list }),
  action("status", { summary: "how a job is", help: STATUS_HELP, options: { json: { type: "boolean" } }, run: status }),
  action("logs", {
    summary: "what a job has printed",
    help: LOGS_HELP,
    options: { follow: { type: "boolean" } },
    run: logs,
  }),
  action("fetch", {
    summary: "the executed notebook of a job",
    help: FETCH_HELP,
    options: { output: { type: "string", short: "o" } },
    run: fetchOutput,
  }),
  action("stop", { summary: "end a job", help: STOP_HELP, run: stop }),
];

const HELP = `Usage: mobula job ACTION [OPTIONS]

Notebooks and scripts as jobs of a Ray cluster: they run on its head, with the whole cluster for their tasks, and go on when
this machine is switched off.

Actions:
${ACTIONS.map(({ name, summary }) => `  ${name.replace("job ", "").padEnd(8)} ${summary}`).join("\n")}

'mobula job ACTION --help' shows the options of each.

Example:
  mobula job submit train.ipynb -p lr=0.01 --address ray://head:8265
`;

export const jobCommand: Command = {
  name: "job",
  summary: "run notebooks and scripts on a Ray cluster",
  help: HELP,
  options: {},
  actions: ACTIONS,
  run: (_values, [name]) => {
    const what = name === undefined ? "What about jobs?" : `There is no 'mobula job ${name}'.`;
    throw usageError(`${what} Write one of ${ACTIONS.map((each) => `'mobula ${each.name}'`).join(", ")}.`);
  },
};

const COLUMNS: readonly Column<JobDetails>[] = [
  { title: "id", value: (job) => job.submission_id ?? "" },
  { title: "status", value: (job) => job.status },
  { title: "started", value: (job) => (job.start_time ? new Date(job.start_time).toLocaleString("sv") : "") },
  { title: "took", value: durationOf, align: "right" },
  { title: "what", value: (job) => job.metadata?.["mobula"] ?? job.entrypoint },
];

async function list(values: OptionValues): Promise<ExitCode> {
  const { api, options } = rayCluster(values);
  const all = await asked(() => api.jobs());
  // Hubs are ours, and drivers are parts of jobs, or notebooks of somebody.
  const jobs = all
    .filter(({ type, metadata }) => type === "SUBMISSION" && metadata?.["mobula"] !== "hub")
    .sort((a, b) => (b.start_time ?? 0) - (a.start_time ?? 0));
  if (values["json"] === true) process.stdout.write(`${JSON.stringify(jobs, undefined, 2)}\n`);
  else if (jobs.length === 0) process.stdout.write(`${options.address} has run no jobs.\n`);
  else process.stdout.write(`${formatTable(COLUMNS, jobs, process.stdout.columns || Number.POSITIVE_INFINITY)}\n`);
  return EXIT_CODES.ok;
}

async function status(values: OptionValues, positionals: readonly string[]): Promise<ExitCode> {
  const { job } = await jobOf(rayCluster(values), "status", positionals);
  const isJson = values["json"] === true;
  const reason = job.status === "FAILED" && job.message ? `: ${job.message.trim()}` : "";
  process.stdout.write(isJson ? `${JSON.stringify(job, undefined, 2)}\n` : `${job.status}${reason}\n`);
  return EXIT_CODES.ok;
}

async function logs(values: OptionValues, positionals: readonly string[]): Promise<ExitCode> {
  const cluster = rayCluster(values);
  const { id } = await jobOf(cluster, "logs", positionals);
  if (values["follow"] === true) return (await followToTheEnd(cluster, id, followLog)).exitCode;
  process.stdout.write(await asked(() => cluster.api.logs(id)));
  return EXIT_CODES.ok;
}

async function fetchOutput(values: OptionValues, positionals: readonly string[]): Promise<ExitCode> {
  const output = textOf(values, "output");
  if (output === undefined) throw usageError("Where to? Write 'mobula job fetch ID --output PATH'.");
  const cluster = rayCluster(values);
  const { id, job } = await jobOf(cluster, "fetch", positionals);
  await checkWritable(output);
  if (await asked(() => saveOutput(cluster, id, job, output))) return EXIT_CODES.ok;
  const hint = isOver(job) ? `'mobula job logs ${id}' says more` : "it has not begun yet";
  throw new CommandError(EXIT_CODES.failed, `The job '${id}' has no executed notebook; ${hint}.`);
}

async function stop(values: OptionValues, positionals: readonly string[]): Promise<ExitCode> {
  const cluster = rayCluster(values);
  const { id, job } = await jobOf(cluster, "stop", positionals);
  const isStopped = !isOver(job) && (await asked(() => cluster.api.stop(id)));
  process.stdout.write(isStopped ? `The job '${id}' ends.\n` : `The job '${id}' was over already: ${job.status}.\n`);
  return EXIT_CODES.ok;
}

function durationOf({ start_time: start, end_time: end }: JobDetails): string {
  return start ? formatDuration((end || Date.now()) - start) : "";
}
