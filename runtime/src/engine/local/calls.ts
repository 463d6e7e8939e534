/** A task or actor call on its way, from submission to its end. */
import type { ActorId, ObjectId, TaskId } from "../../protocol/ids.ts";
import type {
  ResourceAmounts,
  WireArgument,
  WireEnvironment,
  WireExecution,
  WireJob,
  WirePlacement,
  WireScheduling,
  WireValue,
} from "../../protocol/messages.ts";
import type { TaskSpec } from "../engine.ts";
import type { StreamBuffer } from "./stream-buffer.ts";

export interface Call {
  readonly taskId: TaskId;
  readonly name: string;
  readonly args: WireValue;
  readonly refs: readonly { readonly index: number; readonly id: ObjectId }[];
  /** Of `refs`, once all are there. */
  resolved: readonly WireArgument[] | undefined;
  retriesLeft: number;
  oomRetriesLeft: number;
  /** How often its process has ended under it. */
  crashes: number;
  attempt: number;
  readonly shouldRetry: TaskSpec["shouldRetry"];
  readonly timeoutMs: number | undefined;
  readonly execution: WireExecution | undefined;
  readonly job: WireJob;
  readonly parent: TaskId | undefined;
  /** `performance.now()` of this process. */
  readonly submittedMs: number;
  readonly depth: number;
  /** Its results, when it has `numReturns`; otherwise there is one, named as the task. */
  readonly returns: readonly ObjectId[] | undefined;
  readonly streamWindow: number | undefined;
  /** Set for streaming calls, which have no single result. */
  readonly stream: StreamBuffer | undefined;
  /** Why it was cancelled; it ends as cancelled then, however its worker takes it. */
  cancelReason: string | undefined;
  isOver: boolean;
  /** It makes results again that were lost. */
  readonly isRebuild: boolean;
  /** The worker that ran it has told the head how it ended. */
  isReported: boolean;
  readonly work:
    | {
        readonly kind: "task";
        readonly codeId: string;
        readonly code: TaskSpec["code"];
        readonly shape: string;
        readonly resources: ResourceAmounts;
        readonly environment: WireEnvironment | undefined;
        readonly placement: WirePlacement | undefined;
        readonly scheduling: WireScheduling | undefined;
      }
    | { readonly kind: "actor"; readonly actorId: ActorId; readonly method: string };
  /** What it is expected to take, while it waits in a worker's queue. */
  expectedMs: number;
}
