/**
 * Owns a process's socket to the head, on a thread of its own: it hears about the head's death, cancels tasks and
 * answers the main thread's synchronous requests while user code keeps that one busy.
 */
import { rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { MessageSocket } from "../../node/message-socket.ts";
import { headAddress } from "../../node/options.ts";
import type { ClientId } from "../../protocol/ids.ts";
import { type FromHead, PROTOCOL_VERSION, type ToHead } from "../../protocol/messages.ts";
import { isSameProcess } from "../../store/process-stamp.ts";
import type { ControlThreadData, FromControlThread, SyncReply, ToControlThread } from "./control-messages.ts";
import { DebuggerFlags } from "./debugger-flags.ts";
import { DebuggerLinks } from "./debugger-links.ts";
import { Inquiries } from "./inquiries.ts";
import { TaskCell } from "./task-cell.ts";

/** How long the main thread may take to notice `stop-task` before what it runs is terminated. */
const STOP_PATIENCE_MS = 200;
/** How long the code may take to end after the main thread has noticed. */
const STOPPING_PATIENCE_MS = 1_000;
/** Between the order to end this process and its end. */
const END_AFTER_MS = 20;
const CONNECT_EVERY_MS = 2;
/** Since this thread began; a head that is not there by then never will be. */
const CONNECT_WITHIN_MS = 15_000;
/** The clock of a thread counts from the start of its process. */
const startedMs = performance.now();

/** How long a process may take to end after its sockets have closed; seconds when its memory was paged out. */
const DYING_MS = 2_500;
const DYING_CHECK_MS = 5;

const data = workerData as ControlThreadData & { readonly syncPort: MessagePort };
const main = parentPort as MessagePort;
const taskCell = new TaskCell(data.taskCell);
const isWorker = data.role === "worker";

let connection: MessageSocket<FromHead, ToHead> | undefined;
/** Sent before the connection was there. */
const early: ToHead[] = [];
let arenaDirectory: string | undefined;
let spillDirectory: string | undefined;
/** The request that the main thread waits for. */
let syncRequest: { readonly requestId: number; reply?: FromHead } | undefined;
let isClosing = false;
const debuggers = new DebuggerLinks(new DebuggerFlags(data.debuggerFlags), taskCell, data.clientId, () =>
  tell({ type: "released" }),
);
const inquiries = new Inquiries(taskCell, debuggers, sendNow);
const stops = new Map<string, NodeJS.Timeout>();
const limits = new Map<string, NodeJS.Timeout>();

function tell(message: FromControlThread): void {
  main.postMessage(message);
}

/** The head may still be starting: try until its socket is there. */
function connectToHead(): void {
  const socket = connect(headAddress(data.directory));
  const retry = (): void => {
    const isHopeless = (isWorker || data.head !== undefined) && !isHeadAlive();
    if (isHopeless || performance.now() - startedMs > CONNECT_WITHIN_MS) headGone();
    else setTimeout(connectToHead, CONNECT_EVERY_MS);
  };
  socket.once("error", retry);
  socket.once("connect", () => {
    socket.off("error", retry);
    greet(socket);
  });
}

function greet(socket: Socket): void {
  connection = new MessageSocket<FromHead, ToHead>(socket, { onMessages: receive, onClose: headGone });
  connection.send({
    type: "hello",
    protocol: PROTOCOL_VERSION,
    clientId: data.clientId as ClientId,
    kind: data.role,
    pid: data.driverPid ?? process.pid,
    ...(data.driverName === undefined ? {} : { name: data.driverName }),
    ...(data.driverHost === undefined ? {} : { host: data.driverHost }),
  });
  // A greeting is a frame of its own: longer first ones are refused.
  connection.flush();
  for (const message of early.splice(0)) connection.send(message);
  connection.flush();
}

function send(message: ToHead): void {
  if (connection === undefined) early.push(message);
  else connection.send(message);
}

function sendNow(message: ToHead): void {
  send(message);
  connection?.flush();
}

function receive(messages: FromHead[]): void {
  const rest = messages.filter((message) => !handle(message));
  if (rest.length > 0) tell({ type: "messages", messages: rest });
}

/** Returns whether the message needs no visit to the main thread. */
function handle(message: FromHead): boolean {
  if (message.type === "welcome") {
    arenaDirectory = message.arena;
    spillDirectory = message.spillDirectory;
    answerSync();
  } else if (message.type === "list-tasks") {
    inquiries.tasksAsked(message.inquiryId);
  } else if (message.type === "dump-stack") {
    void inquiries.stackAsked(message.inquiryId);
    return true;
  } else if (message.type === "attach-debugger") {
    const { address, driver, inquiryId } = message;
    void debuggers.attach(address, driver).then(() => sendNow({ type: "debugger-attached", inquiryId }));
    return true;
  } else if (message.type === "collect") {
    if (syncRequest === undefined) return false;
    // The main thread stands still: it has to be woken for this.
    wake({ reply: message, arenaDirectory: arenaDirectory ?? "" });
    return true;
  } else if (message.type === "stop-task") {
    stopTask(message.taskId, message.isForced);
  } else if (message.type === "allocated" || message.type === "allocate-failed") {
    if (message.requestId !== syncRequest?.requestId) return false;
    syncRequest.reply = message;
    answerSync();
    return true;
  }
  return false;
}

/** Wake the main thread once it can use the reply: that needs the arena. */
function answerSync(isGivingUp = false): void {
  if (syncRequest === undefined) return;
  const { reply } = syncRequest;
  if (!isGivingUp && (reply === undefined || arenaDirectory === undefined)) return;
  syncRequest = undefined;
  const answer: SyncReply = isGivingUp || arenaDirectory === undefined ? undefined : { reply, arenaDirectory };
  wake(answer);
}

function wake(answer: SyncReply): void {
  data.syncPort.postMessage(answer);
  Atomics.store(data.flag, 0, 1);
  Atomics.notify(data.flag, 0);
}

/** The main thread is told by the caller; when it does not react, what it runs is ended from here. */
function stopTask(taskId: string, isForced: boolean): void {
  if (isForced && taskCell.isRunning(taskId)) {
    process.kill(process.pid, "SIGKILL");
    return;
  }
  if (!isWorker || stops.has(taskId)) return;
  debuggers.releasePauses();
  stops.set(taskId, setTimeout(terminate, STOP_PATIENCE_MS, taskId));
}

function terminate(taskId: string): void {
  stops.delete(taskId);
  if (!taskCell.isRunning(taskId)) return;
  debuggers.releasePauses();
  // At its first use: a process starts earlier without it.
  const session = new (process.getBuiltinModule("node:inspector").Session)();
  session.connectToMainThread();
  session.post("Runtime.terminateExecution", () => {
    session.disconnect();
    debuggers.restorePauses();
    tell({ type: "terminated", taskId });
  });
}

/** @param pausedMs - how long debuggers had held the main thread until now: its time stands still meanwhile. */
function limitTask(taskId: string, timeoutMs: number, pausedMs = debuggers.pausedMs): void {
  const expire = (): void => {
    limits.delete(taskId);
    const missedMs = debuggers.pausedMs - pausedMs;
    if (missedMs > 0) {
      limitTask(taskId, missedMs, pausedMs + missedMs);
      return;
    }
    tell({ type: "timed-out", taskId });
    stopTask(taskId, false);
  };
  limits.set(taskId, setTimeout(expire, timeoutMs));
}

function headGone(): void {
  if (isClosing) return;
  isClosing = true;
  answerSync(true);
  void removeRemains(performance.now() + DYING_MS);
}

/** The head removes these itself unless it was killed. While it lives, others use them: it only dropped this client. */
async function removeRemains(deadline: number): Promise<void> {
  // Its sockets close a moment before the process has ended.
  while (isHeadAlive() && performance.now() < deadline) await sleep(DYING_CHECK_MS);
  if (!isHeadAlive()) {
    if (arenaDirectory !== undefined) rmSync(arenaDirectory, { recursive: true, force: true });
    // It was killed before it could say where its arena is.
    else await import("../../store/index.ts").then(({ sweepStaleArenas }) => sweepStaleArenas());
    if (spillDirectory !== undefined) rmSync(spillDirectory, { recursive: true, force: true });
    // Last: a main thread that still starts wants to listen there, and its failure ends this process.
    rmSync(data.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 10 });
  }
  if (isWorker) process.kill(process.pid, "SIGKILL");
  tell({ type: "closed" });
}

/** A head of one's own ends when its driver has lost the connection, so it counts as dead then. */
function isHeadAlive(): boolean {
  if (isWorker) return process.ppid === data.headPid;
  return data.head !== undefined && isSameProcess(data.head);
}

main.on("message", (message: ToControlThread) => {
  switch (message.type) {
    case "send":
      for (const each of message.messages) if (inquiries.isWanted(each)) send(each);
      connection?.flush();
      return;
    case "send-sync":
      syncRequest = { requestId: message.requestId };
      if (isClosing) answerSync(true);
      else send(message.message);
      connection?.flush();
      return;
    case "stop-seen":
      debuggers.restorePauses();
      // It has heard, and may spin again before the code that was told has ended.
      clearTimeout(stops.get(message.taskId));
      stops.set(message.taskId, setTimeout(terminate, STOPPING_PATIENCE_MS, message.taskId));
      return;
    case "limit-task":
      limitTask(message.taskId, message.timeoutMs);
      return;
    case "unlimit-task":
      clearTimeout(limits.get(message.taskId));
      limits.delete(message.taskId);
      return;
    case "end-process":
      // The main thread's own sockets need a moment, too.
      setTimeout(() => process.kill(process.pid, "SIGKILL"), END_AFTER_MS);
      return;
    case "end-debugging":
      debuggers.end();
      return;
    case "close":
      isClosing = true;
      connection?.close();
      main.close();
      return;
  }
});

connectToHead();
