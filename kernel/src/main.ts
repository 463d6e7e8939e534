/** The kernel process: joins transport, core, language and session, and sees to it that nothing outlives it. */
import { statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Kernel } from "./core/kernel.ts";
import { escapePattern } from "./debug/scripts.ts";
import { HistoryFile } from "./history-file.ts";
import { installKernelspec } from "./install.ts";
import { startLanguage } from "./language/client.ts";
import { lastingLanguage } from "./language/lasting-language.ts";
import { installedVersion, runNpm } from "./npm.ts";
import { HELP, type RunOptions, readCommand, UsageError } from "./options.ts";
import { readConnectionFile, removeConnectionFile } from "./protocol/connection-file.ts";
import { createSession } from "./session/client.ts";
import { openCommEndpoint } from "./transport/comm-endpoint.ts";
import { bindZmqTransport } from "./transport/zmq.ts";

const PARENT_POLL_MS = 1000;
/** Where the packages of this project stand side by side: in a checkout, or below `node_modules`. */
const PACKAGES = new URL("../../", import.meta.url).href;

async function main(args: readonly string[]): Promise<void> {
  const command = readCommand(args);
  switch (command.type) {
    case "help":
      process.stdout.write(HELP);
      return;
    case "install":
      process.stdout.write(`Installed the kernel in ${await installKernelspec(command.options)}\n`);
      return;
    case "run":
      await runKernel(command.options);
  }
}

async function runKernel(options: RunOptions): Promise<void> {
  // Before anything else: a front end that starts us may interrupt its process group at any time.
  process.on("SIGINT", () => {});
  // With a reader gone, a log line must not end the kernel.
  process.stderr.on("error", () => {});
  const debug = options.isDebug ? warn : () => {};

  const directory = readDirectory(options.directory);
  const connection = await readConnectionFile(options.connectionFile);
  const transport = await bindZmqTransport(connection, warn);
  const history = await HistoryFile.open(options.connectionFile, warn);
  const kernel = new Kernel({
    transport,
    startLanguage: () => lastingLanguage(() => startLanguage({ directory })),
    session: createSession({ directory }),
    openCommEndpoint,
    debugger: {
      // A folder that does not exist: the front end needs names for cells, not files. JupyterLab shows "Cell [2]" instead
      // of the path when it has this word.
      pathPrefix: join(tmpdir(), `mobula-ipykernel_${process.pid}`, "/"),
      internalPatterns: [`^${escapePattern(PACKAGES)}[^/]+/dist/`],
      readFile: (path) => readFile(path, "utf8"),
    },
    npm: {
      run: (run) => runNpm({ ...run, directory }),
      installedVersion: (name) => installedVersion(name, directory),
    },
    notebookLanguage: options.language,
    check: options.check,
    history,
    warn,
    debug,
  });
  process.on("SIGTERM", () => void kernel.close());
  process.on("SIGHUP", () => void kernel.close());
  let isOrphan = false;
  watchParent(() => {
    debug("the parent process is gone");
    isOrphan = true;
    void kernel.close();
  });
  kernel.start();
  debug(`process ${process.pid} answers for ${directory}`);
  const { isRestarted } = await kernel.closed;
  if (isRestarted && !isOrphan) await history.close();
  else await history.remove();
  // Whoever starts a kernel removes its connection file; here nobody is left who could.
  if (isOrphan) await removeConnectionFile(options.connectionFile, connection);
  debug("closed");
  process.exit(0);
}

function warn(text: string): void {
  process.stderr.write(`mobula: ${text}\n`);
}

function readDirectory(path: string): string {
  const directory = resolve(path);
  if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UsageError(`The directory ${directory} does not exist.`);
  }
  return directory;
}

/**
 * A kernel whose front end died would stay forever: nobody knows its key any more. An orphan gets a new parent; one whose
 * parent was gone before it could look knows it by `JPY_PARENT_PID`, which front ends set to their process id.
 */
function watchParent(onGone: () => void): void {
  const parent = process.ppid;
  const isOrphan = () => process.ppid !== parent || (process.ppid === 1 && (process.env.JPY_PARENT_PID ?? "1") !== "1");
  const timer = setInterval(() => {
    if (!isOrphan()) return;
    clearInterval(timer);
    onGone();
  }, PARENT_POLL_MS);
  timer.unref();
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  // Errors that carry a code of ours are sentences for the user; anything else needs its stack.
  const { code, message, stack } = error as Error & { code?: string };
  const isExpected = ["USAGE", "BAD_CONNECTION_FILE", "BIND_FAILED", "INSTALL_FAILED"].includes(code ?? "");
  warn(isExpected ? message : (stack ?? message));
  process.exit(isExpected ? 2 : 1);
}
