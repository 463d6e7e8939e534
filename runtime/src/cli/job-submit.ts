/** `mobula job submit`: sends a notebook or script to a Ray cluster, and follows it. */
import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { basename, dirname, extname, join, relative, resolve, sep } from "node:path";
import { FolderReader } from "../engine/ray/folder-reader.ts";
import type { followLog } from "../engine/ray/job-log.ts";
import { jobProgramFiles } from "../engine/ray/job-program.ts";
import type { JobDetails, JobsApi } from "../engine/ray/jobs-api.ts";
import { fingerprintOf } from "../engine/ray/package-files.ts";
import { zip } from "../engine/ray/zip.ts";
import { hasCode } from "../errors.ts";
import { injectParameters, parseGivenParameter } from "../jobs/injected-parameters.ts";
import { parseNotebook } from "../jobs/notebook.ts";
import { checkWritable, readNotebook, writeNotebook } from "../jobs/notebook-file.ts";
import {
  type Command,
  CommandError,
  choiceOf,
  EXIT_CODES,
  type ExitCode,
  type OptionValues,
  secondsOf,
  textOf,
  textsOf,
  usageError,
} from "./command.ts";
import { asked, outputName, type RayCluster, rayCluster, rayHelp } from "./ray-jobs.ts";

const HELP = `Usage: mobula job submit NOTEBOOK.ipynb [OPTIONS]
       mobula job submit SCRIPT.ts [OPTIONS] [-- ARGUMENTS OF THE SCRIPT]

Run a notebook or script on the head of a Ray cluster. It goes there with the files of its folder; the cluster needs Node
and nothing else. In it, init() without an address joins that cluster. This command follows what it prints and, in the
end, writes the executed notebook here. Ctrl-C stops following; the job goes on.

Options:
  -p, --parameter NAME=VALUE  set a parameter of the notebook, as in 'mobula run'; may be repeated
  -o, --output PATH           the executed notebook; by default NOTEBOOK with '.out.ipynb' instead of '.ipynb'
      --working-dir FOLDER    the folder that goes along; by default the one with the notebook or script. At most 100 MB,
                              without node_modules, .git and .venv
      --no-wait               print the job's id and return at once; 'mobula job fetch' gets the notebook later
      --timeout SECONDS       stop the notebook after this time
      --cell-timeout SECONDS  stop the notebook when one cell takes longer
      --check LEVEL           what a type error in a cell does: error (default), warn, off
${rayHelp(30)}

Exit codes: those of 'mobula run', or of the script: 0 done, 1 failed, 2 wrong arguments or notebook, 124 timeout, 130 no
longer followed, or stopped, 138 the kernel died.

Example:
  mobula job submit train.ipynb -p lr=0.01 --address ray://head:8265
`;

export const submitCommand: Command = {
  name: "job submit",
  summary: "run a notebook or script on the cluster",
  help: HELP,
  options: {
    address: { type: "string" },
    parameter: { type: "string", short: "p", multiple: true },
    output: { type: "string", short: "o" },
    "working-dir": { type: "string" },
    "no-wait": { type: "boolean" },
    timeout: { type: "string" },
    "cell-timeout": { type: "string" },
    check: { type: "string" },
  },
  run: submit,
};

const SCRIPT = /^\.[mc]?[jt]s$/;
/** What the shell on the head takes as it is. */
const PLAIN_WORD = /^[\w@%+=:,./-]+$/;

interface Work {
  /** As the user typed it. */
  readonly input: string;
  readonly isNotebook: boolean;
  readonly folder: string;
  /** What runs on the head, with the file as it is called there. */
  readonly words: readonly string[];
}

async function submit(values: OptionValues, positionals: readonly string[]): Promise<ExitCode> {
  const cluster = rayCluster(values);
  const work = await workOf(values, positionals);
  const output = work.isNotebook ? (textOf(values, "output") ?? defaultOutput(work.input)) : undefined;
  const isFollowed = values["no-wait"] !== true;
  if (output !== undefined && isFollowed) await checkWritable(output);
  const archive = archiveOf(work.folder);
  const id = await asked(() => send(cluster.api, work, archive));
  if (!isFollowed) {
    process.stdout.write(`${id}\n`);
    return EXIT_CODES.ok;
  }
  process.stderr.write(`${work.input} runs on ${cluster.options.address} as the job ${id}\n`);
  const { followLog } = await import("../engine/ray/job-log.ts");
  const { job, exitCode } = await followToTheEnd(cluster, id, followLog);
  if (job === undefined || output === undefined) return exitCode;
  if (await asked(() => saveOutput(cluster, id, job, output))) process.stderr.write(`${output}\n`);
  return exitCode;
}

/** Looks at everything that can be wrong before anything is sent. */
async function workOf(values: OptionValues, positionals: readonly string[]): Promise<Work> {
  const [input, ...scriptArguments] = positionals;
  if (input === undefined)
    throw usageError("What shall run? Write 'mobula job submit NOTEBOOK.ipynb' or '… SCRIPT.ts'.");
  const isNotebook = extname(input) === ".ipynb";
  if (!isNotebook && !SCRIPT.test(extname(input))) {
    throw usageError(`'${input}' is neither a notebook (.ipynb) nor a script (.ts, .js, .mts, .mjs, .cts, .cjs).`);
  }
  const folder = resolve(textOf(values, "working-dir") ?? dirname(input));
  const path = relative(folder, resolve(input)).split(sep).join("/");
  if (path.startsWith("../")) {
    throw usageError(`'${input}' does not lie in the folder '${folder}' that goes along; name one that holds it.`);
  }
  if (isNotebook && scriptArguments[0] !== undefined) {
    throw usageError(`'mobula job submit' takes one notebook, and '${scriptArguments[0]}' is too much.`);
  }
  const notebookOptions = ["parameter", "output", "timeout", "cell-timeout", "check"];
  const wrong = notebookOptions.find((name) => !isNotebook && values[name] !== undefined);
  if (wrong !== undefined) throw usageError(`The option '--${wrong}' is for notebooks; '${input}' is a script.`);
  if (!isNotebook) {
    if (statSync(input, { throwIfNoEntry: false })?.isFile() !== true)
      throw usageError(`There is no script '${input}'.`);
    return { input, isNotebook, folder, words: ["script", path, ...scriptArguments] };
  }
  const parameters = textsOf(values, "parameter");
  await injectParameters(await readNotebook(input), parameters.map(parseGivenParameter), dirname(resolve(input)));
  return { input, isNotebook, folder, words: ["notebook", path, ...runOptions(values, parameters)] };
}

function runOptions(values: OptionValues, parameters: readonly string[]): string[] {
  secondsOf(values, "timeout");
  secondsOf(values, "cell-timeout");
  choiceOf(values, "check", ["error", "warn", "off"]);
  const given = ["timeout", "cell-timeout", "check"].flatMap((name) => {
    const text = textOf(values, name);
    return text === undefined ? [] : [`--${name}`, text];
  });
  return [...parameters.flatMap((each) => ["-p", each]), ...given];
}

function archiveOf(folder: string): { readonly hash: string; readonly archive: Uint8Array } {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw usageError(`There is no folder '${folder}'.`);
  }
  try {
    return new FolderReader().read(folder, "The folder");
  } catch (error) {
    throw hasCode(error, "RUNTIME_ENV_SETUP")
      ? usageError(`${(error as Error).message.replace(/\.$/, "")} with '--working-dir'.`)
      : error;
  }
}

async function send(
  api: JobsApi,
  { input, words }: Work,
  { hash, archive }: { readonly hash: string; readonly archive: Uint8Array },
): Promise<string> {
  await api.version();
  const files = jobProgramFiles();
  const program = await sent(api, fingerprintOf(files), () => zip(files));
  const folder = await sent(api, hash, () => archive);
  const id = `${nameOf(input)}-${randomBytes(4).toString("hex")}`;
  const entrypoint = ["python", "-m", "mobula_ray.job", "--id", id, ...words].map(quoted).join(" ");
  const runtimeEnv = { working_dir: folder, py_modules: [program] };
  await api.submit({ id, entrypoint, runtimeEnv, metadata: { mobula: basename(input) } });
  return id;
}

/** The address of a package in the cluster, which keeps it for a while. */
async function sent(api: JobsApi, hash: string, bytes: () => Uint8Array): Promise<string> {
  const name = `_ray_pkg_${hash}.zip`;
  if (!(await api.hasPackage(name))) await api.upload(name, bytes());
  return `gcs://${name}`;
}

/** Says what it is, wherever jobs are listed. */
function nameOf(input: string): string {
  const name = basename(input, extname(input)).replaceAll(/[^\w-]+/g, "-");
  return name.replaceAll(/^-+|-+$/g, "").slice(0, 40) || "job";
}

function quoted(word: string): string {
  return PLAIN_WORD.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function defaultOutput(input: string): string {
  return join(dirname(input), `${basename(input, extname(input))}.out.ipynb`);
}

/** Show what the job prints; Ctrl-C ends that, not the job. */
export async function followToTheEnd(
  { api, options }: RayCluster,
  id: string,
  follow: typeof followLog,
): Promise<{ readonly job?: JobDetails; readonly exitCode: ExitCode }> {
  const controller = new AbortController();
  const onSignal = (): void => controller.abort();
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, onSignal);
  try {
    const job = await asked(() =>
      follow(api, options, id, (text) => void process.stdout.write(text), controller.signal),
    );
    if (job !== undefined) return { job, exitCode: exitCodeOf(id, job) };
    const at = `--address ${options.address}`;
    process.stderr.write(
      `mobula: The job ${id} goes on. 'mobula job logs ${id} --follow ${at}' follows it, 'mobula job stop ${id} ${at}' ends it.\n`,
    );
    return { exitCode: EXIT_CODES.interrupted };
  } finally {
    for (const signal of signals) process.off(signal, onSignal);
  }
}

function exitCodeOf(id: string, { status, message, driver_exit_code: code }: JobDetails): ExitCode {
  if (status === "SUCCEEDED") return EXIT_CODES.ok;
  if (status === "STOPPED") {
    process.stderr.write(`mobula: The job ${id} was stopped.\n`);
    return EXIT_CODES.interrupted;
  }
  if (typeof code === "number" && code > 0) return code as ExitCode;
  // It failed before anything ran.
  process.stderr.write(`mobula: The job ${id} has failed: ${message?.trim() || "the dashboard may say more"}\n`);
  return EXIT_CODES.failed;
}

/** Get the executed notebook of a job. False when there is none. */
export async function saveOutput(
  { api }: RayCluster,
  id: string,
  { driver_node_id: node }: JobDetails,
  output: string,
): Promise<boolean> {
  const text = node ? await api.logFile(node, outputName(id)) : undefined;
  if (text === undefined || text === "") return false;
  try {
    await writeNotebook(output, parseNotebook(text, outputName(id)));
  } catch (error) {
    if (hasCode(error, "CONNECTION_FAILED")) throw error;
    throw new CommandError(EXIT_CODES.failed, (error as Error).message, { cause: error });
  }
  return true;
}
