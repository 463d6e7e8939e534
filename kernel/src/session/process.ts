/** Entry of the session process: joins the parts on its main thread. Argument: the notebook's directory. */
import { realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { MessageChannel, Worker } from "node:worker_threads";
import { clearOutput, display, html, image, json, latex, md, plotly, svg, table } from "../display/index.ts";
import { serveWidgets, widget } from "../widgets/widget.ts";
import { CellInput } from "./cell-input.ts";
import { defineValue, deleteGlobal } from "./cell-names.ts";
import { CellRegistry } from "./cell-registry.ts";
import { CellRunner } from "./cell-runner.ts";
import { installCellTimers } from "./cell-timers.ts";
import { CommServer } from "./comm-server.ts";
import { installDebugViews } from "./debug-views.ts";
import type { TracebackContext } from "./errors/traceback.ts";
import { EventWriter } from "./event-writer.ts";
import { runInContext } from "./execution-context.ts";
import type { GuardianOptions, GuardianOrder } from "./guardian.ts";
import { SessionHost } from "./host.ts";
import { inputGlobals } from "./input-globals.ts";
import { installLateErrors } from "./late-errors.ts";
import { registerModuleHooks } from "./modules/register.ts";
import { installOutput } from "./output.ts";
import { PrintBuffer } from "./print-buffer.ts";
import { signalGroup } from "./process-group.ts";
import { silenceLoaderWarning } from "./script.ts";
import type { ExecuteRequest } from "./session.ts";
import { SharedState } from "./shared-state.ts";
import { installStandardInput } from "./standard-input.ts";
import { PREPARE_EXPRESSION, TerminationGuard } from "./termination.ts";
import { VariablesTeller } from "./variables.ts";
import type { MainCommand } from "./wire.ts";

/** Deep enough that the user's frames are there after the kernel's and Node's have been left out. */
const STACK_FRAMES = 50;
/** Exit code of a process that could not go on: `EX_SOFTWARE`. */
const INTERNAL_ERROR = 70;
const TERMINATED = 128 + 15;
/** How long an exit waits for the debugger to let go. */
const DISCONNECT_MS = 500;
/** When the kernel is gone, the user's `exit` handlers run this long after SIGTERM, before the guardian's SIGKILL. */
const ORPHAN_EXIT_MS = 700;

// Without symbolic links, as Node names the modules it loads.
const directory = realpathSync(process.argv[2] ?? process.cwd());
const kernelDirectory = fileURLToPath(new URL("../", import.meta.url));
process.argv.splice(1);
process.title = "mobula session";
Error.stackTraceLimit = STACK_FRAMES;

const shared = new SharedState();
const printed = new PrintBuffer();
const writer = new EventWriter({ shared, printed, alarmGuardian: () => tellGuardian("printed") });
const registry = new CellRegistry();
const traceback: TracebackContext = { registry, directory, kernelDirectory };
const host = new SessionHost(directory, writer, registry);
const runner = new CellRunner({
  registry,
  traceback,
  isDebugging: () => shared.isDebugging,
  isInterruptDue: () => shared.isInterruptDue,
  onInterrupt: ({ execution }) => host.emitInterrupt(execution),
  onEnd: (execution, outcome) => {
    host.emitCellEnd(execution);
    writer.send({ type: "executed", messageId: execution.messageId, outcome });
    // After the end is reported: the list may take a moment, and nobody waits for it.
    setImmediate(() => variables.tell());
  },
});

const inputChannel = new MessageChannel();
const cellInput = new CellInput({
  shared,
  writer,
  port: inputChannel.port1,
  cells: runner,
  onInterrupt: () => runner.interrupt(() => {}),
});

const comms = new CommServer({
  send: (commId, message) => writer.send({ type: "comm", commId, message }),
  onError: (error) => console.error(error),
});
const variables = new VariablesTeller(registry, comms);
serveWidgets(comms);

const termination = new TerminationGuard();
const guardian = startGuardian();
endWithTheKernel();
termination.install(shared);
await silenceLoaderWarning();
registerModuleHooks(directory);
installLateErrors(
  traceback,
  (execution, name, text) => host.stream(execution, name, text),
  (promise, reason) => runner.takeRejection(promise, reason),
);
installOutput((execution, name, text) => host.stream(execution, name, text));
installStandardInput(cellInput);
installCellTimers(isUsersFile);
host.install();
installDebugViews();
installGlobals();
guardian.on("message", (command: MainCommand | { readonly type: "interrupt" }) =>
  // Without a context: a termination can leave the one of its cell behind.
  runInContext(undefined, () => handle(command)),
);
writer.send({ type: "ready" });

function startGuardian(): Worker {
  const options: GuardianOptions = {
    shared: shared.buffer,
    printed: printed.memory,
    prepareExpression: PREPARE_EXPRESSION,
    inputPort: inputChannel.port2,
  };
  const thread = new Worker(new URL("./guardian.js", import.meta.url), {
    workerData: options,
    transferList: [inputChannel.port2],
  });
  thread.on("error", (error) => {
    process.stderr.write(`The session's guardian thread failed: ${String(error)}\n`);
    process.exit(INTERNAL_ERROR);
  });
  return thread;
}

function tellGuardian(order: GuardianOrder): void {
  guardian.postMessage(order);
}

function endWithTheKernel(): void {
  process.on("SIGTERM", () => {
    if (shared.isParentLost) setTimeout(() => process.exit(TERMINATED), ORPHAN_EXIT_MS);
    else process.exit(TERMINATED);
  });
  process.on("exit", () => {
    writer.writeAtOnce();
    if (shared.isInspected) {
      tellGuardian("exiting");
      shared.awaitDisconnection(DISCONNECT_MS);
    }
    if (shared.isParentLost) signalGroup(process.pid, "SIGKILL");
  });
}

function handle(command: MainCommand | { readonly type: "interrupt" }): void {
  switch (command.type) {
    case "execute":
      execute(command.request);
      return;
    case "debugging-changed":
      host.emitDebugging(command.address);
      return;
    case "interrupt":
      termination.repair();
      shared.interruptRead();
      runner.interrupt(() => shared.sawInterrupt());
      return;
    case "comm":
      comms.receive(command.commId, command.message);
      return;
    case "delete-globals":
      for (const name of command.names) deleteGlobal(name, registry);
      variables.tell();
  }
}

/** Breakpoints in workers hold from the cell's first call on. */
function execute(request: ExecuteRequest): void {
  const ready = host.debuggerReady();
  if (ready === undefined) runner.start(request);
  else void ready.then(() => runner.start(request));
}

function isUsersFile(fileName: string): boolean {
  if (registry.cell(fileName) !== undefined) return true;
  const path = fileName.startsWith("file:") ? fileURLToPath(fileName) : fileName;
  return path.startsWith(join(directory, "/")) && !path.includes("/node_modules/") && !path.startsWith(kernelDirectory);
}

function installGlobals(): void {
  const base = join(directory, "notebook.ts");
  const globals = {
    display,
    html,
    md,
    svg,
    latex,
    image,
    json,
    table,
    plotly,
    widget,
    clearOutput,
    ...inputGlobals(cellInput),
    require: createRequire(base),
    __dirname: directory,
    __filename: base,
    $importMeta: {
      url: pathToFileURL(base).href,
      dirname: directory,
      filename: base,
      resolve: (specifier: string) => import.meta.resolve(specifier, pathToFileURL(base).href),
    },
  };
  for (const [name, value] of Object.entries(globals)) {
    defineValue(name, value);
    Object.defineProperty(globalThis, name, { enumerable: false });
  }
}
