/** Which workers have logs, and their lines, as the state API gives them. */
import { UnsupportedError } from "../errors.ts";
import type { LogLines, LogRow, StateParameters } from "../protocol/state.ts";
import type { ClusterObserver } from "./cluster-observer.ts";
import type { LogRecord } from "./log-file.ts";
import { limitOf, readQuery } from "./state-query.ts";

/** Living workers first, then those that ended last. */
export function logRows(observer: ClusterObserver): LogRow[] {
  const { cluster, logs } = observer;
  const living = [...cluster.state.workers.values()].map(({ workerId, pid, running, work }): LogRow => {
    const what = work.state === "idle" || running === undefined ? {} : { running };
    return { worker: workerId, pid, state: "alive", sizeBytes: logs.sizeBytes(workerId), ...what };
  });
  const ended = logs.endedWorkers.map((worker): LogRow => {
    return { worker, pid: observer.pidOf(worker), state: "ended", sizeBytes: logs.sizeBytes(worker) };
  });
  return [...living.toReversed(), ...ended.toReversed()];
}

const FIELDS = ["worker", "actor", "job", "task", "after"];

/**
 * The last lines, oldest first, of one worker (id or pid), actor (id, name or class), job or task, or of all workers.
 *
 * @throws UnsupportedError when there is no such worker, actor or job
 */
export function tailLogs(observer: ClusterObserver, parameters: StateParameters): LogLines {
  const { filters } = readQuery(parameters, FIELDS);
  const limit = limitOf(parameters["limit"]);
  const { job, task } = parameters;
  if (job !== undefined && ![...observer.cluster.state.jobs.keys()].some((jobId) => jobId === job)) {
    throw new UnsupportedError(`The job '${job}'`, "'mobula list jobs' lists what there is.");
  }
  const isWanted = (record: LogRecord): boolean => {
    if (task !== undefined && record.task !== task) return false;
    return job === undefined || (record.task !== undefined && observer.jobOfTask(record.task) === job);
  };
  const workers = workersFor(observer, filters).map((id) => ({ id, pid: observer.pidOf(id) }));
  const { lines, cursor } = observer.logs.read(workers, parameters["after"] ?? "", isWanted);
  const items = lines.slice(-limit);
  return { items, total: lines.length, truncated: items.length < lines.length, notes: [], cursor };
}

function workersFor(observer: ClusterObserver, filters: ReadonlyMap<string, string>): readonly string[] {
  const all = logRows(observer);
  const worker = filters.get("worker");
  const actor = filters.get("actor");
  if (worker !== undefined) {
    const found = all.filter((row) => row.worker === worker || String(row.pid) === worker);
    if (found.length === 0) throw new UnsupportedError(`The worker '${worker}'`, "'mobula logs' lists what there is.");
    return found.map((row) => row.worker);
  }
  if (actor === undefined) return all.map((row) => row.worker);
  const actors = [...observer.cluster.state.actors.values()].filter(
    ({ spec }) => spec.actorId === actor || spec.name === actor || spec.className === actor,
  );
  if (actors.length === 0)
    throw new UnsupportedError(`The actor '${actor}'`, "'mobula list actors' lists what there is.");
  return actors.flatMap(({ spec }) => observer.hostsOf(spec.actorId));
}
