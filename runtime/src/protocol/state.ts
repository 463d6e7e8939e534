/**
 * What a cluster tells about itself: rows of its tasks, actors, objects, workers, nodes and jobs, and the routes that give them.
 * The same routes answer HTTP, the command line and `listTasks` and its like.
 */
import type { ClusterDescription } from "./messages.ts";

/**
 * `PENDING_ARGS` waits for refs among its arguments, `QUEUED` for a worker, `BLOCKED` runs and waits for a ref itself.
 * The last three are over.
 */
export type TaskState = "PENDING_ARGS" | "QUEUED" | "RUNNING" | "BLOCKED" | "FINISHED" | "FAILED" | "CANCELLED";

/** One run of a task or of an actor's method. */
export interface TaskRow {
  readonly id: string;
  /** Function, or `Class.method`. */
  readonly name: string;
  readonly state: TaskState;
  /** The driver whose work it is. */
  readonly job: string;
  /** The task that submitted it. */
  readonly parent?: string;
  /** Set for an actor's method. */
  readonly actor?: string;
  readonly worker?: string;
  readonly pid?: number;
  /** Of a cluster of several machines. */
  readonly node?: string;
  /** 0 at the first run, one more with each retry. */
  readonly attempt: number;
  /** Code or class name of what it failed with, e.g. `WORKER_CRASHED` or `RangeError`. */
  readonly errorType?: string;
  /** First line of the error. */
  readonly error?: string;
  /** When it was called, began and ended; milliseconds since 1970. */
  readonly submittedAtMs: number;
  readonly startedAtMs?: number;
  readonly endedAtMs?: number;
  readonly cellId?: string;
  readonly executionCount?: number;
  /** What it holds while it runs, in units. Unknown for calls of actors, which hold theirs. */
  readonly resources?: Readonly<Record<string, number>>;
}

/** An actor in a list. A Ray cluster does not count calls, and does not tell how many restarts are left. */
export interface ActorRow {
  readonly id: string;
  readonly class: string;
  readonly name?: string;
  readonly state: "pending" | "alive" | "restarting" | "dead";
  readonly job: string;
  readonly worker?: string;
  readonly pid?: number;
  readonly node?: string;
  readonly callsPending?: number;
  readonly callsFinished?: number;
  readonly restartsLeft?: number;
  readonly resources: Readonly<Record<string, number>>;
  readonly cellId?: string;
  /** Why it is dead. */
  readonly death?: string;
}

/** An object that more than one process can see; small results that stay with their owner are not among them. */
export interface ObjectRow {
  readonly id: string;
  /** As far as the head knows: 0 while it is pending. */
  readonly sizeBytes: number;
  /**
   * `pending` is being made, `in-memory` travels in messages, `in-store` lies in shared memory, `spilled` in a file.
   * `ready`: it is there, and the cluster does not tell where.
   */
  readonly state: "pending" | "in-memory" | "in-store" | "spilled" | "ready" | "lost";
  /** The process whose call or `put` made it. */
  readonly owner?: string;
  readonly job: string;
  /** How often each process keeps it; `in X` is the object or actor X that contains it. */
  readonly holders: Readonly<Record<string, number>>;
  /** A process has it mapped, or writes it: it cannot be spilled now. */
  readonly isPinned?: boolean;
  /** Why it is lost. */
  readonly reason?: string;
}

/** A worker process in a list. */
export interface WorkerRow {
  readonly id: string;
  readonly pid: number;
  readonly state: "starting" | "idle" | "running" | "blocked" | "actor" | "stopping";
  /** Function or actor class. */
  readonly running?: string;
  /** The process it works for. */
  readonly client?: string;
  readonly actor?: string;
  readonly node?: string;
  /** Of the process that runs the code, which a Ray cluster does not measure. */
  readonly cpuPercent?: number;
  readonly rssBytes?: number;
  readonly tasksFinished?: number;
  readonly resources: Readonly<Record<string, number>>;
  /** GPUs that its work has. */
  readonly gpuIds?: readonly string[];
  /** Id of its runtimeEnv; absent in the default one. */
  readonly environment?: string;
}

/** A driver: a program or notebook that uses the cluster. */
export interface JobRow {
  readonly id: string;
  readonly name?: string;
  readonly state: string;
  readonly pid?: number;
  /** The machine that its driver runs on. */
  readonly host?: string;
  readonly startedAtMs?: number;
  readonly endedAtMs?: number;
  readonly workers?: number;
  readonly actors: number;
}

/** A machine of the cluster. */
export interface NodeRow {
  readonly id: string;
  /** Name or address. */
  readonly host: string;
  readonly state: "alive" | "dead";
  /** The cluster's head runs there. */
  readonly isHead: boolean;
  /** What a `labelSelector` may ask for. */
  readonly labels: Readonly<Record<string, string>>;
  /** What there is, in units. */
  readonly resources: Readonly<Record<string, number>>;
  /** What of it is promised to work; absent while nobody has told. */
  readonly used?: Readonly<Record<string, number>>;
  readonly startedAtMs?: number;
  readonly endedAtMs?: number;
  /** Why it is dead. */
  readonly reason?: string;
}

/** A placement group in a list. */
export interface PlacementGroupRow {
  readonly id: string;
  readonly name?: string;
  readonly state: string;
  readonly strategy?: string;
  readonly job: string;
  readonly bundles: readonly Readonly<Record<string, number>>[];
  /** What work in each bundle holds now. */
  readonly used?: readonly Readonly<Record<string, number>>[];
}

export interface ResourceRow {
  readonly name: string;
  readonly used: number;
  readonly total: number;
}

/** Tasks of one name, counted since the cluster began. */
export interface TaskSummaryRow {
  readonly name: string;
  readonly queued: number;
  readonly running: number;
  readonly finished: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly retried: number;
  /** Of the runs that are still listed. */
  readonly meanMs?: number;
  readonly maxMs?: number;
}

export interface ActorSummaryRow {
  readonly class: string;
  readonly pending: number;
  readonly alive: number;
  readonly restarting: number;
  readonly dead: number;
  readonly callsPending?: number;
  readonly callsFinished?: number;
}

/** Objects of one owner; of one job where owners are not known. */
export interface ObjectSummaryRow {
  readonly owner?: string;
  readonly job: string;
  readonly objects: number;
  readonly sizeBytes: number;
}

/** A worker's kept output. */
export interface LogRow {
  readonly worker: string;
  readonly pid: number;
  /** On disk; older output is dropped beyond 4 MB a worker. A Ray cluster does not tell. */
  readonly sizeBytes?: number;
  readonly state: "alive" | "ended";
  readonly running?: string;
}

/** A line that a worker printed. */
export interface LogLine {
  /** When; on a Ray cluster only what our own functions and actors print has it. */
  readonly atMs?: number;
  readonly worker: string;
  readonly pid: number;
  readonly stream: "stdout" | "stderr";
  readonly text: string;
  /** Absent for what was printed past the capture, by native code or in a crash. */
  readonly task?: string;
  readonly name?: string;
  readonly cellId?: string;
}

/** What JavaScript a process is in. */
export interface StackDump {
  readonly worker: string;
  readonly pid: number;
  /** `no-answer`: the process did not reply in time. */
  readonly state: "running" | "idle" | "no-answer";
  readonly task?: string;
  readonly name?: string;
  readonly sinceMs?: number;
  /** Innermost frame first. Empty when no JavaScript ran: it waits, or is in native code. */
  readonly frames: readonly StackFrame[];
}

/** Where a busy worker is. */
export interface StackFrame {
  readonly function: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** An event of the Trace Event Format, which Perfetto and Chrome read. */
export type TraceEvent = { readonly ph: string; readonly pid: number; readonly tid: number } & Readonly<
  Record<string, unknown>
>;

/** Chrome's trace format, for Perfetto or `chrome://tracing`. */
export interface Timeline {
  readonly traceEvents: readonly TraceEvent[];
  readonly displayTimeUnit: "ms";
}

/** A list that may have been cut. */
export interface StateList<Row> {
  /** Newest first, at most `limit`. */
  readonly items: readonly Row[];
  /** How many match. */
  readonly total: number;
  readonly truncated: boolean;
  /** What a reader should know about what is missing, in sentences. */
  readonly notes: readonly string[];
}

/** Lines after `cursor`, which gives the next ones when passed as `after`. */
export interface LogLines extends StateList<LogLine> {
  readonly cursor: string;
}

/** Lines of logs that have come since the last ones. */
export interface FollowedLines {
  readonly items: readonly LogLine[];
  /** What a reader should know about what is missing, in sentences. */
  readonly notes: readonly string[];
}

/** What each route answers. Parameters are texts, as in a URL. */
export interface StateRoutes {
  cluster: ClusterDescription;
  tasks: StateList<TaskRow>;
  actors: StateList<ActorRow>;
  objects: StateList<ObjectRow>;
  workers: StateList<WorkerRow>;
  jobs: StateList<JobRow>;
  nodes: StateList<NodeRow>;
  "placement-groups": StateList<PlacementGroupRow>;
  resources: StateList<ResourceRow>;
  "summary/tasks": StateList<TaskSummaryRow>;
  "summary/actors": StateList<ActorSummaryRow>;
  "summary/objects": StateList<ObjectSummaryRow>;
  timeline: Timeline;
  stack: StateList<StackDump>;
  logs: StateList<LogRow>;
  "logs/tail": LogLines;
}

export type StateRoute = keyof StateRoutes;

export type StateParameters = Readonly<Record<string, string>>;
