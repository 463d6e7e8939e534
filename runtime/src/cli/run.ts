/** `mobula run`: a notebook as a job. */
import { basename, dirname, extname, join, resolve } from "node:path";
import { stripVTControlCharacters } from "node:util";
import {
  type GivenParameter,
  injectParameters,
  parametersOf,
  parseGivenParameter,
} from "../jobs/injected-parameters.ts";
import { isObject, type Notebook } from "../jobs/notebook.ts";
import { checkWritable, isSameFile, readNotebook } from "../jobs/notebook-file.ts";
import type { Parameter } from "../jobs/parameters.ts";
import type { RunOutcome } from "../jobs/run-notebook.ts";
import {
  type Command,
  choiceOf,
  EXIT_CODES,
  type ExitCode,
  type OptionValues,
  secondsOf,
  textOf,
  textsOf,
  usageError,
} from "./command.ts";
import { formatDuration, RunProgress } from "./run-progress.ts";
import { packageVersion } from "./version.ts";

const HELP = `Usage: mobula run NOTEBOOK [OPTIONS]

Execute a notebook from its first cell to its last, without a browser. The executed copy is written to another
notebook, which holds everything that happened at every moment of the run. The kernel starts in the notebook's folder.

Options:
  -p, --parameter NAME=VALUE  set a parameter; may be repeated. VALUE is JSON where that fits the parameter's type
                              (8, true, [1, 2]), otherwise text
  -o, --output PATH           the executed notebook; by default NOTEBOOK with '.out.ipynb' instead of '.ipynb'
      --in-place              write the executed notebook over NOTEBOOK
      --timeout SECONDS       stop the run after this time
      --cell-timeout SECONDS  stop the run when one cell takes longer
      --check LEVEL           what a type error does: error (stops the cell; default), warn, off
      --show WHAT             outputs (of the cells, and progress; default), progress, none
      --help-notebook         list the notebook's parameters and run nothing
  -h, --help                  show this help

Parameters are the variables that the cell tagged 'parameters' declares, with their defaults:
  let blocks = 4; // number of blocks
Values from outside go into a new cell behind it, tagged 'injected-parameters'. A 'let' is assigned to and a 'const'
is declared anew, so both keep their type. A variable without a default has to be given.

Tags of cells: 'skip-execution' passes a cell over, 'raises-exception' goes on after its error.

Exit codes: 0 done, 1 a cell failed, 2 wrong arguments or notebook (nothing ran), 124 timeout, 130 stopped by Ctrl-C or
SIGTERM (the second one does not wait), 138 the kernel died.

Example:
  mobula run train.ipynb -p lr=0.01 -p 'layers=[64, 64]' -o runs/train-1.ipynb
`;

export const runCommand: Command = {
  name: "run",
  summary: "execute a notebook without a browser",
  help: HELP,
  options: {
    parameter: { type: "string", short: "p", multiple: true },
    output: { type: "string", short: "o" },
    "in-place": { type: "boolean" },
    timeout: { type: "string" },
    "cell-timeout": { type: "string" },
    check: { type: "string" },
    show: { type: "string" },
    "help-notebook": { type: "boolean" },
  },
  run: runNotebookCommand,
};

interface RunArguments {
  /** As the user typed it. */
  readonly input: string;
  readonly output: string;
  readonly given: readonly GivenParameter[];
  readonly timeoutMs: number | undefined;
  readonly cellTimeoutMs: number | undefined;
  readonly check: "error" | "warn" | "off" | undefined;
  readonly show: "outputs" | "progress" | "none";
}

async function runNotebookCommand(values: OptionValues, positionals: readonly string[]): Promise<ExitCode> {
  const args = readArguments(values, positionals);
  const directory = dirname(resolve(args.input));
  const notebook = await readNotebook(args.input);
  if (values["help-notebook"] === true) {
    process.stdout.write(describeParameters(args.input, await parametersOf(notebook, directory)));
    return EXIT_CODES.ok;
  }
  const unchecked = isJavaScript(args.input, notebook) ? { check: args.check ?? "off" } : {};
  await checkOutput(args, values["in-place"] === true);
  const parameters = await injectParameters(notebook, args.given, directory);
  return execute({ ...args, ...unchecked }, notebook, parameters, directory);
}

function readArguments(values: OptionValues, positionals: readonly string[]): RunArguments {
  const [input, ...more] = positionals;
  if (input === undefined) throw usageError("Which notebook? Write 'mobula run NOTEBOOK.ipynb'.");
  if (more.length > 0) {
    throw usageError(`'mobula run' takes one notebook, and '${more[0]}' is too much; the output is named with '-o'.`);
  }
  const isInPlace = values["in-place"] === true;
  const output = textOf(values, "output");
  if (isInPlace && output !== undefined) throw usageError("Give either '--in-place' or '--output', not both.");
  return {
    input,
    output: output ?? (isInPlace ? input : defaultOutput(input)),
    given: textsOf(values, "parameter").map(parseGivenParameter),
    timeoutMs: secondsOf(values, "timeout"),
    cellTimeoutMs: secondsOf(values, "cell-timeout"),
    check: choiceOf(values, "check", ["error", "warn", "off"]),
    show: choiceOf(values, "show", ["outputs", "progress", "none"]) ?? "outputs",
  };
}

function defaultOutput(input: string): string {
  return join(dirname(input), `${basename(input, extname(input))}.out.ipynb`);
}

/**
 * Does the notebook say that it is in JavaScript? Its types are not checked then. One that names no language is taken as
 * TypeScript; the kernel would answer every line of another language with an error.
 */
function isJavaScript(input: string, { metadata }: Notebook): boolean {
  const { kernelspec, language_info: info } = metadata;
  const named =
    (isObject(kernelspec) ? kernelspec["language"] : undefined) ?? (isObject(info) ? info["name"] : undefined);
  const language = typeof named === "string" ? named.toLowerCase() : "typescript";
  if (language === "javascript") return true;
  if (language === "typescript") return false;
  throw usageError(`'${input}' is a notebook in ${language}, and this command runs TypeScript and JavaScript.`);
}

async function checkOutput({ input, output }: RunArguments, isInPlace: boolean): Promise<void> {
  if (!isInPlace && (await isSameFile(input, output))) {
    throw usageError(`The output '${output}' is the notebook itself; write '--in-place' if you mean that.`);
  }
  await checkWritable(output);
}

async function execute(
  args: RunArguments,
  notebook: Notebook,
  parameters: Readonly<Record<string, unknown>>,
  directory: string,
): Promise<ExitCode> {
  // Loaded only now: the kernel's client brings native code, and `--help` shall answer at once.
  const [{ runNotebook }, { KernelLauncher }] = await Promise.all([
    import("../jobs/run-notebook.ts"),
    import("../jobs/kernel-launcher.ts"),
  ]);
  const progress = new RunProgress(process.stdout, process.stderr, args.show);
  const launcher = new KernelLauncher({ directory, check: args.check });
  const stop = stopOnSignals(() => launcher.kill());
  const startMs = performance.now();
  try {
    const outcome = await runNotebook({
      notebook,
      facts: {
        inputPath: args.input,
        outputPath: args.output,
        parameters: { ...parameters },
        runner: `mobula ${packageVersion()}`,
      },
      startKernel: () => launcher.start(),
      reporter: progress,
      stop: stop.signal,
      ...(args.timeoutMs !== undefined && { timeoutMs: args.timeoutMs }),
      ...(args.cellTimeoutMs !== undefined && { cellTimeoutMs: args.cellTimeoutMs }),
    });
    progress.note(`${args.output} … ${formatDuration(performance.now() - startMs)}`);
    return reportOutcome(outcome, args);
  } finally {
    stop.dispose();
  }
}

function reportOutcome(outcome: RunOutcome, args: RunArguments): ExitCode {
  if (outcome.status === "completed") return EXIT_CODES.ok;
  if (outcome.status === "stopped") return reportStop(outcome.reason, args);
  if (outcome.status === "kernel-died") {
    process.stderr.write(`mobula: The kernel died: ${outcome.reason}\n`);
    return EXIT_CODES.kernelDied;
  }
  const { ename, evalue, traceback } = outcome.error;
  const trace = traceback.length > 0 ? traceback.join("\n") : `${ename}: ${evalue}`;
  process.stderr.write(`${process.stderr.isTTY ? trace : stripVTControlCharacters(trace)}\n`);
  return EXIT_CODES.failed;
}

function reportStop(reason: "interrupted" | "notebook-timeout" | "cell-timeout", args: RunArguments): ExitCode {
  if (reason === "interrupted") {
    process.stderr.write(`mobula: Stopped; what was done until then is in '${args.output}'.\n`);
    return EXIT_CODES.interrupted;
  }
  const what = reason === "cell-timeout" ? "A cell" : "The notebook";
  const seconds = ((reason === "cell-timeout" ? args.cellTimeoutMs : args.timeoutMs) ?? 0) / 1000;
  process.stderr.write(
    `mobula: ${what} took longer than ${seconds} s; what was done until then is in '${args.output}'.\n`,
  );
  return EXIT_CODES.timedOut;
}

/** The first signal stops the run in good order, the second one kills the kernel. */
function stopOnSignals(kill: () => void): { signal: AbortSignal; dispose: () => void } {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const controller = new AbortController();
  const onSignal = (): void => {
    if (!controller.signal.aborted) return controller.abort("interrupted");
    kill();
    process.exit(EXIT_CODES.interrupted);
  };
  for (const signal of signals) process.on(signal, onSignal);
  const dispose = (): void => {
    for (const signal of signals) process.off(signal, onSignal);
  };
  return { signal: controller.signal, dispose };
}

function describeParameters(input: string, parameters: readonly Parameter[]): string {
  if (parameters.length === 0) {
    return `'${input}' has no parameters. Declare them in a cell and give it the tag 'parameters'.\n`;
  }
  const rows = parameters.map(({ name, type, defaultText, isRequired, description }) => {
    const value = isRequired ? "required" : `default ${defaultText ?? "undefined"}`;
    return { left: `  ${name}: ${type} (${value})`.replace(/\s+/g, " ").replace(/^ /, "  "), description };
  });
  const width = Math.min(48, Math.max(...rows.map(({ left }) => left.length)));
  const lines = rows.map(({ left, description }) => `${left.padEnd(width)}  ${description}`.trimEnd());
  return `Parameters of '${input}':\n${lines.join("\n")}\n`;
}
