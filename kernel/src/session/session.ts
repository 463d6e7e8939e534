/** What the kernel asks of the process that runs the user's cells, and what it hears from it. */
import type { CompiledCell } from "../language/language.ts";
import type { FromEndpoint, ToEndpoint } from "../transport/comm-endpoint.ts";

/** A MIME bundle: representation by MIME type. Binary types are base64 text. */
export type MimeBundle = Readonly<Record<string, unknown>>;

/** The run of one cell. Output, tasks and errors carry it, so that each finds its way back to the right cell. */
export interface Execution {
  /** `msg_id` of the `execute_request`. */
  readonly messageId: string;
  /** The front end's id of the cell, when it sends one. */
  readonly cellId?: string;
  readonly executionCount: number;
}

/** What became of a question to the user. */
export type InputAnswer =
  /** `text` is `null` when the user ended the input instead of answering, as with Ctrl-D. */
  | { readonly type: "given"; readonly text: string | null }
  /** Nobody can be asked; `reason` is one sentence. */
  | { readonly type: "refused"; readonly reason: string };

export interface ExecuteRequest {
  readonly execution: Execution;
  readonly cell: CompiledCell;
  readonly allowStdin: boolean;
  /** Jupyter's `user_expressions`: name → compiled expression cell. */
  readonly userExpressions?: Readonly<Record<string, CompiledCell>>;
}

/** A thrown value, ready for Jupyter's `error` message. */
export interface CellError {
  readonly ename: string;
  readonly evalue: string;
  /** Lines with ANSI colour: header, code frame, mapped stack. */
  readonly traceback: readonly string[];
}

export type ExecuteOutcome = {
  /** Declared names that hold a value now. */
  readonly assigned: readonly string[];
  readonly userExpressions?: Readonly<Record<string, { data: MimeBundle } | { error: CellError }>>;
} & (
  | { readonly status: "ok"; readonly result?: { readonly data: MimeBundle; readonly metadata: MimeBundle } }
  | { readonly status: "error"; readonly error: CellError }
);

/** What a session reports. `execution` says which cell caused it; without one it belongs to the latest. */
export type SessionEvent =
  | {
      readonly type: "stream";
      readonly execution?: Execution;
      readonly name: "stdout" | "stderr";
      readonly text: string;
    }
  | {
      readonly type: "display";
      readonly execution?: Execution;
      readonly data: MimeBundle;
      readonly metadata: MimeBundle;
      readonly displayId?: string;
      /** Replaces what earlier displays of `displayId` show. */
      readonly isUpdate: boolean;
    }
  | { readonly type: "clear-output"; readonly execution?: Execution; readonly wait: boolean }
  /** A cell asks its user; `answerInput` brings the answer. */
  | {
      readonly type: "input-requested";
      readonly id: number;
      readonly execution: Execution;
      readonly prompt: string;
      readonly isPassword: boolean;
    }
  /** The kernel connects comms of `target` to `address` and forwards their messages without waking the session. */
  | { readonly type: "comm-target-delegated"; readonly target: string; readonly address: string }
  | { readonly type: "comm-target-withdrawn"; readonly target: string }
  /** What the session itself says over a comm that it answers. */
  | { readonly type: "comm"; readonly commId: string; readonly message: FromEndpoint }
  /** An event of the DevTools protocol; `worker`: of that worker process, and not of the session's own. */
  | {
      readonly type: "inspector-event";
      readonly method: string;
      readonly params: Readonly<Record<string, unknown>>;
      readonly worker?: number;
    }
  /**
   * A worker process of a cluster can be inspected, too. It runs none of the user's code before it gets the command
   * `Runtime.runIfWaitingForDebugger`. `name` is what a person calls it.
   */
  | { readonly type: "worker-attached"; readonly worker: number; readonly name: string }
  | { readonly type: "worker-detached"; readonly worker: number }
  /** The process is gone: it crashed, called `process.exit` or ran out of memory. Its variables are lost. */
  | {
      readonly type: "exited";
      readonly code: number | null;
      readonly signal: string | null;
      readonly stderrTail: string;
    };

/** Runs cells. After `exited`, `start` brings a new, empty process. */
export interface Session {
  start(): Promise<void>;
  /**
   * Run a cell, beside others that run: there is one thread, so they take turns at their awaits. Rejects with code
   * SESSION_EXITED when the process dies meanwhile.
   */
  execute(request: ExecuteRequest): Promise<ExecuteOutcome>;
  /** Stop what the running cells do: their remote work, their awaits, then their code. Variables survive. */
  interrupt(): Promise<void>;
  /** Answer the question `id`. One that was given up meanwhile is ignored. */
  answerInput(id: number, answer: InputAnswer): void;
  /** Remove global names of deleted cells. */
  deleteGlobals(names: readonly string[]): void;
  /** Pass on a message of a comm that the session answers. */
  tellComm(commId: string, message: ToEndpoint): void;
  /** CPU and memory for `usage_request`; answered by the guardian thread, also while a cell spins. */
  usage(): Promise<{ readonly cpuPercent: number; readonly rssBytes: number; readonly pid: number }>;
  /**
   * Send a command of the DevTools protocol to V8's inspector, also while a cell spins or is paused. The first one opens a
   * connection, which stays until `endInspection` or the end of the process.
   *
   * @param worker - ask that worker process instead.
   * @throws the inspector's complaint; an error with code SESSION_EXITED when the process is gone.
   */
  inspect(
    method: string,
    params: Readonly<Record<string, unknown>>,
    worker?: number,
  ): Promise<Readonly<Record<string, unknown>>>;
  /** End the inspector's connections: breakpoints are gone, and paused code goes on. */
  endInspection(): void;
  onEvent(listener: (event: SessionEvent) => void): void;
  /** End the process; whatever it started must be gone when this resolves. */
  close(): Promise<void>;
}
