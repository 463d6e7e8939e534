/** Between a process's main thread and the thread that owns its socket to the head. */
import type { FromHead, ToHead } from "../../protocol/messages.ts";
import type { ProcessStamp } from "../../store/process-stamp.ts";

export interface ControlThreadData {
  readonly role: "driver" | "worker";
  readonly clientId: string;
  readonly directory: string;
  /** For a worker: the process that must be its parent as long as there is a cluster. */
  readonly headPid: number | undefined;
  /** For a driver: what it calls itself. */
  readonly driverName: string | undefined;
  /** For a driver: the machine it runs on, when that is another one. */
  readonly driverHost: string | undefined;
  readonly driverPid: number | undefined;
  /** For a driver of a cluster that it did not start. */
  readonly head: ProcessStamp | undefined;
  /** Woken when a reply to `send-sync` is on `syncPort`. */
  readonly flag: Int32Array;
  /** See `TaskCell`. */
  readonly taskCell: SharedArrayBuffer;
  /** See `DebuggerFlags`. */
  readonly debuggerFlags: SharedArrayBuffer;
}

export type ToControlThread =
  | { readonly type: "send"; readonly messages: readonly ToHead[] }
  /** The main thread waits for the reply. */
  | { readonly type: "send-sync"; readonly requestId: number; readonly message: ToHead }
  /** The main thread works on `stop-task`; no need to terminate what runs. */
  | { readonly type: "stop-seen"; readonly taskId: string }
  /** Stop the task if it still runs then. */
  | { readonly type: "limit-task"; readonly taskId: string; readonly timeoutMs: number }
  | { readonly type: "unlimit-task"; readonly taskId: string }
  /** Kill this process once what was sent before is on the wire. */
  | { readonly type: "end-process" }
  /** The process exits: sessions with V8's inspector must end before. */
  | { readonly type: "end-debugging" }
  | { readonly type: "close" };

/** Reply to `send-sync`; undefined when the head is gone. */
export type SyncReply = { readonly reply: FromHead | undefined; readonly arenaDirectory: string } | undefined;

export type FromControlThread =
  | { readonly type: "messages"; readonly messages: readonly FromHead[] }
  | { readonly type: "timed-out"; readonly taskId: string }
  /** JavaScript of the main thread was terminated while it ran this task. */
  | { readonly type: "terminated"; readonly taskId: string }
  /** Calls that a debugger has held back may begin. */
  | { readonly type: "released" }
  /** The head is gone. */
  | { readonly type: "closed" };
