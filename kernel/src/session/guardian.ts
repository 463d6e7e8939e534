/**
 * The thread beside the user's: it owns the command socket, so that interrupts, usage and the death of the kernel are
 * handled while a cell spins on the main thread.
 */
import { Session as InspectorSession } from "node:inspector";
import { Socket } from "node:net";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { writeFully } from "./event-writer.ts";
import { InspectorLink } from "./inspector-link.ts";
import { PrintBuffer } from "./print-buffer.ts";
import { otherMembers, signalGroup } from "./process-group.ts";
import { SharedState } from "./shared-state.ts";
import {
  COMMAND_FD,
  type DebuggingChanged,
  encodeFrame,
  FrameReader,
  type GuardianReply,
  type InputMessage,
  type SessionCommand,
} from "./wire.ts";
import { WorkerInspections } from "./worker-inspections.ts";

/** What the guardian is started with. */
export interface GuardianOptions {
  readonly shared: SharedArrayBuffer;
  readonly printed: SharedArrayBuffer;
  /** An expression that prepares the main thread for a termination; see `termination.ts`. */
  readonly prepareExpression: string;
  /** Brings answers to the main thread, see `cell-input.ts`. */
  readonly inputPort: MessagePort;
}

/** Main thread → guardian. */
export type GuardianOrder = "exiting" | "printed";

/** How long printed text may lie before it goes to the kernel. */
const PRINTED_MS = 1;
/** How long the main thread may take to answer an interrupt from its event loop before its code is terminated. */
const ACKNOWLEDGE_MS = 80;
/** When terminating does not help either, a child process may hold the main thread (`execSync`): it gets SIGINT. */
const SIGNAL_CHILDREN_AFTER_MS = 400;
const GIVE_UP_AFTER_MS = 3000;
/** How long the user's child processes have between SIGTERM and SIGKILL when the kernel is gone. */
const ORPHAN_GRACE_MS = 1000;

const { shared: sharedBuffer, printed: printedBuffer, prepareExpression, inputPort } = workerData as GuardianOptions;
const shared = new SharedState(sharedBuffer);
const printed = new PrintBuffer(printedBuffer);
// A worker thread has a parent port; the type covers main threads too.
const mainThread = parentPort as MessagePort;
const socket = new Socket({ fd: COMMAND_FD, readable: true, writable: true });
const reader = new FrameReader<SessionCommand>();
const inspectorLink = new InspectorLink(shared, (method, params) => reply({ type: "inspector-event", method, params }));
const workers = new WorkerInspections(reply);
let cpu = { atMs: performance.now(), usage: process.cpuUsage() };

// Keeps this thread alive while it waits for answers of the inspector.
mainThread.ref();
mainThread.on("message", (order: GuardianOrder) => {
  if (order === "exiting") inspectorLink.disconnect();
  else setTimeout(sendPrinted, PRINTED_MS);
});
socket.on("data", (chunk: Buffer) => {
  for (const command of reader.push(chunk)) handle(command);
});
socket.on("error", () => {}); // "close" follows.
socket.on("close", () => void endWithoutParent());

/** Send what the main thread has printed in a loop, which may not print again for long. */
function sendPrinted(): void {
  const hasRun = shared.tryWriting(() => {
    printed.alarmHeard();
    printed.flush(writeFully);
  });
  if (!hasRun) setTimeout(sendPrinted, PRINTED_MS);
}

function handle(command: SessionCommand): void {
  switch (command.type) {
    case "interrupt":
      void interrupt(command.id);
      return;
    case "usage":
      reply({ type: "usage", id: command.id, cpuPercent: cpuPercent(), rssBytes: process.memoryUsage.rss() });
      return;
    case "input-answered":
      postInput(command);
      return;
    case "inspect":
      inspect(command);
      return;
    case "end-inspection":
      inspectorLink.disconnect();
      workers.close();
      mainThread.postMessage({ type: "debugging-changed" } satisfies DebuggingChanged);
      return;
    case "execute":
    case "comm":
    case "delete-globals":
    case "debugging-changed":
      mainThread.postMessage(command);
  }
}

function inspect({ id, method, params, worker }: Extract<SessionCommand, { type: "inspect" }>): void {
  if (worker !== undefined) {
    workers.command(worker, id, method, params);
    return;
  }
  inspectorLink.command(method, params, (result, error) => {
    const answer = (): void => reply({ type: "inspected", id, result, ...(error === undefined ? {} : { error }) });
    if (method === "Debugger.enable" && error === undefined) workers.open((address) => tellWorkers(address, answer));
    else answer();
  });
}

/** Through the main thread, which knows the cluster: before it hears of the next cell. */
function tellWorkers(address: string, then: () => void): void {
  mainThread.postMessage({ type: "debugging-changed", address } satisfies DebuggingChanged);
  then();
}

function postInput(message: InputMessage): void {
  inputPort.postMessage(message);
  shared.inputAnswered();
}

/** Wake the main thread when it sleeps until the user answers: its code throws then, and `finally` blocks run. */
function endInputWait(): void {
  const id = shared.awaitedInput;
  if (id !== 0) postInput({ type: "input-interrupted", id });
}

function reply(message: GuardianReply): void {
  socket.write(encodeFrame(message));
}

/** Share of one CPU used since the last question, in percent. */
function cpuPercent(): number {
  const now = { atMs: performance.now(), usage: process.cpuUsage() };
  const usedMs = (now.usage.user + now.usage.system - cpu.usage.user - cpu.usage.system) / 1000;
  const percent = (100 * usedMs) / Math.max(1, now.atMs - cpu.atMs);
  cpu = now;
  return percent;
}

/** Ask the main thread to end its cell; when it does not turn its event loop, terminate what it executes. */
async function interrupt(id: number): Promise<void> {
  const startMs = performance.now();
  const seenBefore = shared.interruptsSeen;
  const isSeen = (): boolean => shared.interruptsSeen !== seenBefore;
  let hasSignalled = false;
  inspectorLink.releasePause();
  shared.interruptPosted();
  mainThread.postMessage({ type: "interrupt" });
  endInputWait();
  while (!(await becomesTrue(isSeen, ACKNOWLEDGE_MS)) && performance.now() - startMs < GIVE_UP_AFTER_MS) {
    if (!hasSignalled && performance.now() - startMs > SIGNAL_CHILDREN_AFTER_MS) {
      hasSignalled = true;
      signalChildren();
    }
    endInputWait();
    await terminateExecution(isSeen);
  }
  inspectorLink.restorePauses();
  reply({ type: "interrupt-done", id, isDelivered: isSeen() });
}

/** Stop the JavaScript that the main thread executes. Gives up when the thread comes back by itself or stays native. */
async function terminateExecution(isNotNeeded: () => boolean): Promise<void> {
  if (!(await becomesTrue(() => shared.tryBeginTermination(), 1000))) return;
  const inspector = new InspectorSession();
  try {
    if (isNotNeeded()) return;
    inspector.connectToMainThread();
    let isDone = false;
    inspector.post("Runtime.evaluate", { expression: prepareExpression });
    inspector.post("Runtime.terminateExecution", () => {
      isDone = true;
    });
    shared.terminationPosted();
    await becomesTrue(() => isDone || isNotNeeded(), 250);
  } finally {
    // An open session would hold up the exit of the process.
    inspector.disconnect();
    shared.endTermination();
  }
}

/** Like Ctrl-C in a terminal, for the processes that the session started and left in its group. */
function signalChildren(): void {
  for (const pid of otherMembers(process.pid)) {
    try {
      process.kill(pid, "SIGINT");
    } catch {
      // It ended meanwhile.
    }
  }
}

async function becomesTrue(condition: () => boolean, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() >= deadline) return false;
    await sleep(2);
  }
  return true;
}

/** The kernel is gone: nothing of this session may stay. */
async function endWithoutParent(): Promise<void> {
  shared.loseParent();
  signalGroup(process.pid, "SIGTERM");
  await sleep(ORPHAN_GRACE_MS);
  signalGroup(process.pid, "SIGKILL");
}

function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
