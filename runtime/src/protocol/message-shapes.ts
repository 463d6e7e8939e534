/**
 * What messages look like that others send us: checked once, where they come out of a socket. Behind it the types are
 * believed. Parts that only views show are looked into where they are used.
 */
import type {
  ActorCall,
  ActorCallsReport,
  ActorDescription,
  ActorSpec,
  FromWorker,
  PlacementGroupDescription,
  ResourceAmounts,
  TaskCall,
  TaskGroupReport,
  ToHead,
  ToWorker,
  WireArgument,
  WireCode,
  WireEnvironment,
  WireExecution,
  WirePlacement,
  WireRegion,
  WireResult,
  WireScheduling,
  WireValue,
} from "./messages.ts";
import {
  bytes,
  type Check,
  count,
  type Fields,
  flag,
  listOf,
  type MessageTable,
  messageTable,
  number,
  object,
  oneOf,
  optional,
  record,
  tableOf,
  text,
} from "./shapes.ts";
import type { WireError } from "./wire-error.ts";

const region: Check<WireRegion> = record<WireRegion>({
  offset: count(),
  lengths: listOf(count()),
  slot: number(),
  version: number(),
});

const value: Check<WireValue> = record<WireValue>({
  bytes: bytes(),
  buffers: optional(listOf(bytes())),
  region: optional(region),
  isBytesInRegion: optional(flag()),
  owner: optional(text()),
  refs: optional(listOf(text())),
  handles: optional(listOf(text())),
});

const error: Check<WireError> = record<Pick<WireError, "name" | "message">>({ name: text(), message: text() });

const result: Check<WireResult> = (each) => {
  const { ok, value: made, error: failure, lost } = (each ?? {}) as Record<string, unknown>;
  if (ok === true) return value(made);
  return ok === false && (failure === undefined ? typeof lost === "string" : error(failure));
};

const execution: Check<WireExecution> = record<WireExecution>({
  messageId: text(),
  cellId: optional(text()),
  executionCount: number(),
});

const amounts: Check<ResourceAmounts> = tableOf(count());
const code: Check<WireCode> = record<WireCode>({ codeId: text(), value });
const args: Check<readonly WireArgument[]> = listOf(record<WireArgument>({ index: count(), value }));

const environment: Check<WireEnvironment> = record<Pick<WireEnvironment, "id" | "envVars">>({
  id: text(),
  envVars: tableOf(text()),
});

const placement: Check<WirePlacement> = record<WirePlacement>({
  groupId: text(),
  groupName: optional(text()),
  bundleIndex: optional(count()),
});

const scheduling: Check<WireScheduling> = record<WireScheduling>({
  isSpread: optional(oneOf(true)),
  node: optional(record<NonNullable<WireScheduling["node"]>>({ id: text(), isSoft: flag() })),
  labels: optional(tableOf(text())),
});

const group: Check<PlacementGroupDescription> = record<PlacementGroupDescription>({
  groupId: text(),
  name: optional(text()),
  strategy: text(),
  bundles: listOf(amounts),
});

const calls: Omit<Fields<TaskCall>, "codeId"> = {
  taskId: text(),
  name: text(),
  args: value,
  resolved: optional(args),
  isStream: optional(flag()),
  streamWindow: optional(number()),
  numReturns: optional(count()),
  skipItems: optional(count()),
  timeoutMs: optional(number()),
  execution: optional(execution),
  depth: count(),
  attempt: count(),
  parent: optional(text()),
  waitedMs: optional(number()),
  isLastChance: optional(oneOf(true)),
};

const spec: Check<ActorSpec> = record<ActorSpec>({
  actorId: text(),
  className: text(),
  code,
  args: value,
  resolved: optional(args),
  resources: amounts,
  environment: optional(environment),
  placement: optional(placement),
  scheduling: optional(scheduling),
  job: object(),
  name: optional(text()),
  namespace: optional(text()),
  lifetime: optional(oneOf("detached")),
  maxConcurrency: number(),
  groups: optional(listOf(object())),
  maxRestarts: number(),
  onRestart: optional(text()),
  execution: optional(execution),
  depth: count(),
});

const actor: Check<ActorDescription> = record<ActorDescription>({
  actorId: text(),
  className: text(),
  name: optional(text()),
  maxTaskRetries: number(),
  methods: listOf(text()),
  streamMethods: listOf(text()),
  maxPendingCalls: optional(number()),
  groupOf: optional(tableOf(text())),
});

const counts: Check<TaskGroupReport> = record<TaskGroupReport>({
  function: text(),
  cellId: optional(text()),
  executionCount: optional(number()),
  queued: count(),
  running: count(),
  finished: count(),
  failed: count(),
  cancelled: count(),
  retried: count(),
});

const actorCounts: Check<ActorCallsReport> = record<ActorCallsReport>({
  actorId: text(),
  pending: count(),
  finished: count(),
});

type Output = Extract<FromWorker, { type: "output" }>;

const output: Check<Output> = record<Output>({
  type: oneOf("output"),
  execution: optional(execution),
  stream: oneOf("stdout", "stderr"),
  text: text(),
  source: text(),
  pid: count(),
});

/** Of drivers and workers, to the head. */
export const TO_HEAD: MessageTable = messageTable<ToHead>({
  hello: {
    protocol: number(),
    clientId: text(),
    kind: oneOf("driver", "worker"),
    pid: count(),
    name: optional(text()),
    host: optional(text()),
  },
  "worker-ready": { address: text(), pid: count() },
  demand: {
    shape: text(),
    resources: amounts,
    count: count(),
    depth: count(),
    environment: optional(environment),
    placement: optional(placement),
    scheduling: optional(scheduling),
    execution: optional(execution),
  },
  "return-leases": { leaseIds: listOf(text()) },
  "worker-blocked": {},
  "worker-unblocked": {},
  "cancel-task": { workerId: text(), taskId: text(), isForced: flag(), isRecursive: flag() },
  "cancel-object": { objectId: text(), isForced: flag(), isRecursive: flag() },
  allocate: {
    requestId: count(),
    objectId: text(),
    lengths: listOf(count()),
    holder: text(),
    isMountFull: optional(flag()),
  },
  sealed: { objectId: text(), slot: number() },
  abandon: { objectId: text(), slot: number() },
  "spare-stored": { objectId: text(), slot: count(), version: count(), lengths: listOf(count()), holder: text() },
  "spare-unused": { slot: count(), version: count() },
  collected: {},
  locate: { requestId: count(), objectId: text() },
  hold: { objectIds: listOf(text()), holder: optional(text()) },
  release: { objectIds: listOf(text()), counts: listOf(count()) },
  forget: { objectIds: listOf(text()) },
  publish: { objectId: text() },
  "publish-result": { objectId: text(), result },
  resolve: { objectId: text() },
  "create-actor": { spec, description: actor, isGetIfExists: flag(), requestId: count() },
  "find-actor": { requestId: count(), name: text(), namespace: text() },
  "list-actors": { requestId: count(), namespace: text() },
  "watch-actor": { actorId: text() },
  "kill-actor": { actorId: text(), isRestartable: flag(), message: optional(text()) },
  "actor-exited": { actorId: text() },
  "actor-ready": { actorId: text() },
  "actor-failed": { actorId: text(), error, during: oneOf("constructor", "onRestart") },
  report: {
    groups: listOf(counts),
    actors: listOf(actorCounts),
    finished: optional(count()),
    running: optional(text()),
    isLastChance: optional(oneOf(true)),
  },
  "create-group": { requestId: count(), description: group, isDetached: flag(), depth: count() },
  "find-group": { requestId: count(), name: text() },
  "watch-group": { groupId: text() },
  "remove-group": { requestId: count(), groupId: text() },
  "describe-cluster": { requestId: count() },
  "open-http": { requestId: count() },
  check: { requestId: count() },
  "task-events": { events: object() },
  "query-state": { requestId: count(), route: text(), parameters: object() },
  "tasks-listed": { inquiryId: count(), listings: object() },
  "stack-dumped": { inquiryId: count(), stack: object() },
  "use-debugger": { requestId: count(), address: optional(text()) },
  "debugger-attached": { inquiryId: count() },
  "worker-output": { output },
  shutdown: {},
});

/** Of a worker's clients, to the worker. */
export const TO_WORKER: MessageTable = messageTable<ToWorker>({
  "data-hello": { protocol: number(), clientId: text() },
  "use-job": { job: object() },
  leased: { resources: amounts },
  "load-code": { code },
  "use-gpus": { gpuIds: listOf(text()) },
  "run-task": { call: record<TaskCall>({ ...calls, codeId: text() }) },
  "call-actor": { call: record<ActorCall>({ ...calls, actorId: text(), method: text() }) },
  "stream-consumed": { taskId: text(), count: count() },
  "drop-task": { taskId: text() },
});
