#!/usr/bin/env node
/** The command `mobula`. */
import { hasCode } from "../errors.ts";
import { JobError } from "../jobs/job-error.ts";
import { nearestName } from "../nearest-name.ts";
import { type Command, CommandError, EXIT_CODES, type ExitCode, parseOptions, usageError } from "./command.ts";
import { installCommand } from "./install.ts";
import { jobCommand } from "./job.ts";
import { labCommand } from "./lab.ts";
import { listCommand, summaryCommand } from "./list.ts";
import { logsCommand } from "./logs.ts";
import { memoryCommand } from "./memory.ts";
import { runCommand } from "./run.ts";
import { stackCommand } from "./stack.ts";
import { startCommand } from "./start.ts";
import { statusCommand } from "./status.ts";
import { stopCommand } from "./stop.ts";
import { timelineCommand } from "./timeline.ts";
import { packageVersion } from "./version.ts";

const COMMANDS: readonly Command[] = [
  labCommand,
  runCommand,
  jobCommand,
  startCommand,
  stopCommand,
  statusCommand,
  installCommand,
  listCommand,
  summaryCommand,
  memoryCommand,
  logsCommand,
  stackCommand,
  timelineCommand,
];

function help(): string {
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}`);
  return `Usage: mobula COMMAND [OPTIONS]

TypeScript notebooks that drive a cluster.

Commands:
${lines.join("\n")}

Options:
  -h, --help     show this help; 'mobula COMMAND --help' shows a command's options
  --version      show the version

Example:
  mobula lab notebooks/tour.ipynb
`;
}

async function main(args: readonly string[]): Promise<ExitCode> {
  const [first, ...rest] = args;
  if (first === undefined || first === "--help" || first === "-h" || first === "help") {
    process.stdout.write(help());
    return EXIT_CODES.ok;
  }
  if (first === "--version") {
    process.stdout.write(`${packageVersion()}\n`);
    return EXIT_CODES.ok;
  }
  const command = COMMANDS.find(({ name }) => name === first);
  if (command === undefined) throw unknownCommand(first);
  return runCommandLine(command, rest);
}

async function runCommandLine(command: Command, args: readonly string[]): Promise<ExitCode> {
  const [action, ...rest] = args;
  const inner = command.actions?.find(({ name }) => name === `${command.name} ${action}`);
  if (inner !== undefined) return runCommandLine(inner, rest);
  const { values, positionals } = parseOptions(command, args);
  if (values["help"] === true) {
    process.stdout.write(command.help);
    return EXIT_CODES.ok;
  }
  return command.run(values, positionals);
}

function unknownCommand(name: string): CommandError {
  const isOption = name.startsWith("-");
  const names = isOption ? ["--help", "--version"] : COMMANDS.map((command) => command.name);
  const nearest = nearestName(name, names);
  const hint = nearest === undefined ? "'mobula --help' lists what there is" : `did you mean '${nearest}'?`;
  return usageError(`There is no ${isOption ? "option" : "command"} '${name}'; ${hint}`);
}

function reportFailure(error: unknown): ExitCode {
  if (error instanceof CommandError || error instanceof JobError) {
    process.stderr.write(`mobula: ${error.message}\n`);
    return error instanceof CommandError ? error.exitCode : EXIT_CODES.usage;
  }
  if (hasCode(error, "UNSUPPORTED")) {
    process.stderr.write(`mobula: ${(error as Error).message}\n`);
    return EXIT_CODES.usage;
  }
  process.stderr.write(`mobula: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return EXIT_CODES.failed;
}

/** A reader that has seen enough (`mobula run … | head`) is no reason to stop the work. */
function ignoreClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
}

/** Writing to a pipe takes time, and the end of the process would cut it short. */
async function written(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    if (!stream.writableEnded && !stream.destroyed) await new Promise((resolve) => stream.write("", resolve));
  }
}

ignoreClosedPipes();
const exitCode = await main(process.argv.slice(2)).catch(reportFailure);
await written();
// Whatever a command started is closed by now; a handle forgotten somewhere must not keep the process.
process.exit(exitCode);
