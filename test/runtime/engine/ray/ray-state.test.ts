import { expect, test } from "vitest";
import type { JobsApi, RayRow } from "../../../../runtime/src/engine/ray/jobs-api.ts";
import { rayTasks, taskRow } from "../../../../runtime/src/engine/ray/ray-state.ts";

/** As Ray 2.60 answers. */
const row = (more: RayRow): RayRow => ({
  task_id: "t1",
  attempt_number: 0,
  name: "größe",
  state: "FINISHED",
  job_id: "02000000",
  actor_id: null,
  type: "NORMAL_TASK",
  parent_task_id: "ffffffffffffffffffffffffffffffffffffffff02000000",
  worker_id: "w1",
  worker_pid: 7,
  error_type: null,
  required_resources: { CPU: 0.5, unicorns: 1 },
  creation_time_ms: 10,
  start_time_ms: 20,
  end_time_ms: 30,
  error_message: null,
  ...more,
});

test("a run that is over has its times, its process and what it held", () => {
  expect(taskRow(row({}))).toEqual({
    id: "t1",
    name: "größe",
    state: "FINISHED",
    job: "02000000",
    attempt: 0,
    submittedAtMs: 10,
    startedAtMs: 20,
    endedAtMs: 30,
    worker: "w1",
    pid: 7,
    resources: { cpus: 0.5, unicorns: 1 },
  });
});

test.each([
  ["PENDING_ARGS_AVAIL", "PENDING_ARGS"],
  ["PENDING_NODE_ASSIGNMENT", "QUEUED"],
  ["a state of a later version", "QUEUED"],
  ["RUNNING", "RUNNING"],
  ["RUNNING_IN_RAY_GET", "BLOCKED"],
])("a run that Ray calls %s is %s", (state, ours) => {
  expect(taskRow(row({ state })).state).toBe(ours);
});

test.each([
  ["TASK_EXECUTION_EXCEPTION", "…\nmobula_ray.errors.ChildDied: signal SIGKILL", "WORKER_CRASHED", "signal SIGKILL"],
  ["TASK_EXECUTION_EXCEPTION", "…\nmobula_ray.errors.UserError: Task 'f' failed: RangeError: no", "RangeError", "no"],
  ["TASK_EXECUTION_EXCEPTION", "…\nmobula_ray.errors.UserError: Task 'f' failed: Oh", "Oh", ""],
  ["WORKER_DIED", "The worker died.\nMore", "WORKER_CRASHED", "The worker died."],
  ["OUT_OF_MEMORY", null, "OUT_OF_MEMORY", undefined],
])("a run that failed by %s (%s) shows it as %s", (type, message, errorType, error) => {
  expect(taskRow(row({ state: "FAILED", error_type: type, error_message: message }))).toMatchObject({
    state: "FAILED",
    errorType,
    ...(error === undefined ? {} : { error }),
  });
});

test("lists leave out Ray's own work, show the newest first, and say what Ray left out", async () => {
  const rows = [
    row({ task_id: "t1", creation_time_ms: 1 }),
    row({ task_id: "t2", creation_time_ms: 2, name: "Counter.add", type: "ACTOR_TASK", actor_id: "a1" }),
    row({ task_id: "t3", name: "JobSupervisor.run", type: "ACTOR_TASK" }),
    row({ task_id: "t4", type: "ACTOR_CREATION_TASK" }),
  ];
  const api = { list: async () => ({ rows, total: 12_000 }) } as unknown as JobsApi;
  const list = await rayTasks(api, {});
  expect(list.items.map(({ id }) => id)).toEqual(["t2", "t1"]);
  expect(list.notes).toEqual(["Ray told of 4 runs only, and left out 11996"]);
  expect((await rayTasks(api, { actor: "a1", limit: "1" })).total).toBe(1);
  await expect(rayTasks(api, { cellId: "x" })).rejects.toMatchObject({ code: "UNSUPPORTED" });
  await expect(rayTasks(api, { colour: "red" })).rejects.toMatchObject({ code: "UNSUPPORTED" });
});
