import { expect, test } from "vitest";
import {
  actorRows,
  asDashboard,
  jobRows,
  nodeRows,
  objectRows,
  workerRows,
} from "../../../../runtime/src/engine/ray/ray-rows.ts";
import { taskSummary } from "../../../../runtime/src/engine/ray/ray-state-api.ts";
import type { TaskRow } from "../../../../runtime/src/protocol/state.ts";

/** As Ray 2.60 answers, but for shorter ids where their parts do not matter. */
const worker = (worker_id: string, pid: number, more: object = {}) => ({
  worker_id,
  pid,
  is_alive: true,
  worker_type: "WORKER",
  node_id: "n1",
  ip: "10.0.0.1",
  start_time_ms: 5,
  ...more,
});
const actor = (actor_id: string, pid: number, more: object = {}) => ({
  actor_id,
  pid,
  class_name: "Counter",
  state: "ALIVE",
  job_id: "02000000",
  name: "",
  node_id: "n1",
  required_resources: { CPU: 0.5 },
  death_cause: null,
  ...more,
});
const DRIVER = worker(`02000000${"f".repeat(48)}`, 1, { worker_type: "DRIVER" });
const SUPERVISOR_ID = "4f4fbf99a7e1709c1c30a32f01000000";
const SUPERVISOR = actor(SUPERVISOR_ID, 9, { class_name: "JobSupervisor", job_id: "01000000" });

test("actors have their worker while they live, and say why they died", () => {
  const death_cause = {
    actor_died_error_context: { actor_id: "a2", error_message: "The actor died.\n\tIt was killed.", pid: 8 },
  };
  const rows = actorRows(
    [SUPERVISOR, actor("a2", 8, { state: "DEAD", death_cause }), actor("a1", 7, { name: "c" })],
    [worker("w7", 7)],
  );
  const both = { class: "Counter", job: "02000000", resources: { cpus: 0.5 } };
  expect(rows).toEqual([
    { id: "a1", ...both, name: "c", state: "alive", worker: "w7", pid: 7, node: "n1" },
    { id: "a2", ...both, state: "dead", death: "It was killed." },
  ]);
});

test("an object is one row, whoever holds it", () => {
  const id = `3f82fa6866973c8c${"f".repeat(24)}0200000001000000`;
  const reference = (pid: number, more: object) => ({
    object_id: id,
    reference_type: "LOCAL_REFERENCE",
    ip: "10.0.0.1",
    pid,
    ...more,
  });
  const rows = objectRows(
    [
      reference(1, { object_size: 100, task_status: "FINISHED" }),
      reference(7, { object_size: -1, task_status: "NIL" }),
      reference(7, { object_size: -1, task_status: "NIL", reference_type: "ACTOR_HANDLE" }),
      reference(1, { object_id: id.replace(/^../, "00"), object_size: -1, task_status: "SUBMITTED_TO_WORKER" }),
      reference(1, { object_id: `${"0".repeat(16)}${SUPERVISOR_ID}01000000`, object_size: 15 }),
    ],
    [DRIVER, worker("w7", 7)],
    [SUPERVISOR],
  );
  expect(rows).toMatchObject([
    { id, sizeBytes: 100, state: "ready", job: "02000000", holders: { "02000000": 1, w7: 1 } },
    { sizeBytes: 0, state: "pending", job: "02000000", holders: { "02000000": 1 } },
  ]);
});

test("workers tell what they run; drivers, dead ones and Ray's own are not among them", () => {
  const running = [{ worker_id: "w3", name: "area", state: "RUNNING_IN_RAY_GET", job_id: "02000000" }];
  const rows = workerRows(
    [
      DRIVER,
      worker("w2", 2),
      worker("w3", 3),
      worker("w4", 4, { is_alive: false }),
      worker("w5", 5, { start_time_ms: 0 }),
      worker("w7", 7),
      worker("w9", 9),
    ],
    running,
    [actor("a1", 7), SUPERVISOR],
  );
  expect(rows.map(({ id, state, running: what }) => [id, state, what])).toEqual([
    ["w2", "idle", undefined],
    ["w3", "blocked", "area"],
    ["w5", "starting", undefined],
    ["w7", "actor", "Counter"],
  ]);
});

test("jobs are drivers by their own names, and whatever else was submitted", () => {
  const driver_info = { node_ip_address: "10.0.0.1", pid: "15" };
  const rows = jobRows(
    [
      { job_id: "01000000", metadata: { mobula: "hub" }, status: "RUNNING" },
      {
        job_id: "02000000",
        metadata: { mobula: "driver", name: "mine", host: "laptop", pid: "7" },
        driver_info,
        status: "RUNNING",
        start_time: 10,
        end_time: 0,
        entrypoint: "python -m mobula_ray.session 5",
      },
      { job_id: "03000000", driver_info, status: "SUCCEEDED", start_time: 20, end_time: 30, entrypoint: "python x.py" },
      { job_id: null, submission_id: "s1", status: "PENDING", start_time: 5, metadata: {} },
    ],
    [actor("a1", 7)],
  );
  expect(rows).toEqual([
    {
      id: "03000000",
      name: "python x.py",
      state: "ended",
      pid: 15,
      host: "10.0.0.1",
      startedAtMs: 20,
      endedAtMs: 30,
      actors: 0,
    },
    { id: "02000000", name: "mine", state: "running", pid: 7, host: "laptop", startedAtMs: 10, actors: 1 },
    { id: "s1", name: "s1", state: "pending", startedAtMs: 5, actors: 0 },
  ]);
});

test("nodes have what is used where the dashboard says so, under the names that it gives", () => {
  const node = (node_id: string, more: object) => ({
    node_id,
    node_ip: "10.0.0.1",
    node_name: null,
    is_head_node: false,
    state: "ALIVE",
    resources_total: { CPU: 2, my_gpu: 1, "node:10.0.0.1": 1, object_store_memory: 5 },
    start_time_ms: 7,
    end_time_ms: 0,
    ...more,
  });
  const rows = nodeRows(
    [node("n2", { state: "DEAD", end_time_ms: 9, state_message: "lost" }), node("n1", { is_head_node: true })],
    { n1: { CPU: [0.5, 2], myGpu: [1, 1] } },
  );
  expect(rows).toMatchObject([
    { id: "n1", state: "alive", isHead: true, resources: { cpus: 2, my_gpu: 1 }, used: { cpus: 0.5, my_gpu: 1 } },
    { id: "n2", state: "dead", endedAtMs: 9, reason: "lost" },
  ]);
  expect(rows[1]).not.toHaveProperty("used");
});

test.each([
  ["CPU", "CPU"],
  ["object_store_memory", "objectStoreMemory"],
  ["accelerator_type:A10G", "acceleratorType:A10G"],
  ["my_a1b", "myA1B"],
])("the dashboard calls %s %s", (name, theirs) => {
  expect(asDashboard(name)).toBe(theirs);
});

test("a run that was followed by another counts as retried only", () => {
  const run = (id: string, attempt: number, state: TaskRow["state"], tookMs: number): TaskRow => {
    const times = { submittedAtMs: 0, startedAtMs: 10, endedAtMs: 10 + tookMs };
    return { id, name: "f", state, job: "02000000", attempt, ...times };
  };
  const rows = taskSummary([run("t1", 1, "FINISHED", 30), run("t1", 0, "FAILED", 10), run("t2", 0, "BLOCKED", 20)]);
  expect(rows).toEqual([
    { name: "f", queued: 0, running: 1, finished: 1, failed: 0, cancelled: 0, retried: 1, meanMs: 20, maxMs: 30 },
  ]);
});
