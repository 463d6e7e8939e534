/** Counts what became of calls, and tells the head in batches. */
import type { ActorCallsReport, TaskGroupReport, ToHead } from "../../protocol/messages.ts";
import type { TaskOutcome } from "../engine.ts";
import type { Call } from "./calls.ts";
import type { TaskEventLog } from "./task-events.ts";

const REPORT_EVERY_MS = 100;

interface Group {
  readonly function: string;
  readonly cellId?: string;
  readonly executionCount?: number;
  unfinished: number;
  finished: number;
  failed: number;
  cancelled: number;
  retried: number;
  isChanged: boolean;
}

export interface WorkReportHooks {
  send(message: ToHead): void;
  readonly events: TaskEventLog;
  /** Calls that run now, as far as this process can tell. */
  running(): Iterable<Call>;
}

export class WorkReport {
  readonly #hooks: WorkReportHooks;
  readonly #groups = new Map<string, Group>();
  readonly #actors = new Map<string, { pending: number; finished: number }>();
  #ranHere = 0;
  #timer: NodeJS.Timeout | undefined;
  #runningHere: string | undefined;
  #isLastChance = false;
  #toldLastChance = false;
  #toldRunning: string | undefined;

  constructor(hooks: WorkReportHooks) {
    this.#hooks = hooks;
  }

  submitted(call: Call): void {
    this.#groupOf(call).unfinished++;
    this.#actorOf(call, (actor) => actor.pending++);
    this.#planReport();
  }

  ended(call: Call, outcome: TaskOutcome): void {
    const group = this.#groupOf(call);
    group[outcome]++;
    if (outcome !== "retried") {
      group.unfinished--;
      this.#actorOf(call, (actor) => {
        actor.pending--;
        actor.finished++;
      });
    }
    this.#planReport();
  }

  /** This worker runs a task. One that may be long is told at once: no timer fires while it spins. */
  startedHere(name: string, isShort: boolean, isLastChance = false): void {
    this.#runningHere = name;
    this.#isLastChance = isLastChance;
    if (isShort) this.#planReport();
    else if (name !== this.#toldRunning || isLastChance !== this.#toldLastChance) this.report();
  }

  endedHere(): void {
    this.#ranHere++;
    this.#runningHere = undefined;
    this.#planReport();
  }

  #groupOf(call: Call): Group {
    const { execution, name } = call;
    const key = execution === undefined ? name : `${execution.cellId} ${execution.executionCount} ${name}`;
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = {
        function: name,
        ...(execution?.cellId === undefined ? {} : { cellId: execution.cellId }),
        ...(execution === undefined ? {} : { executionCount: execution.executionCount }),
        unfinished: 0,
        finished: 0,
        failed: 0,
        cancelled: 0,
        retried: 0,
        isChanged: true,
      };
      this.#groups.set(key, group);
    }
    group.isChanged = true;
    return group;
  }

  #actorOf(call: Call, change: (actor: { pending: number; finished: number }) => void): void {
    if (call.work.kind !== "actor") return;
    const { actorId } = call.work;
    const actor = this.#actors.get(actorId) ?? { pending: 0, finished: 0 };
    change(actor);
    this.#actors.set(actorId, actor);
  }

  #planReport(): void {
    this.#timer ??= setTimeout(() => this.report(), REPORT_EVERY_MS).unref();
  }

  report(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const events = this.#hooks.events.take();
    if (events !== undefined) this.#hooks.send({ type: "task-events", events });
    const running = new Map<Group, number>();
    for (const call of this.#hooks.running()) {
      const group = this.#groupOf(call);
      running.set(group, (running.get(group) ?? 0) + 1);
    }
    const groups: TaskGroupReport[] = [];
    for (const [key, group] of this.#groups) {
      if (!group.isChanged) continue;
      group.isChanged = false;
      const { unfinished, isChanged: _, ...counts } = group;
      const runs = Math.min(unfinished, running.get(group) ?? 0);
      groups.push({ ...counts, running: runs, queued: unfinished - runs });
      group.finished = group.failed = group.cancelled = group.retried = 0;
      if (unfinished === 0) this.#groups.delete(key);
    }
    const actors: ActorCallsReport[] = [];
    for (const [actorId, { pending, finished }] of this.#actors) {
      actors.push({ actorId: actorId as ActorCallsReport["actorId"], pending, finished });
      if (pending === 0) this.#actors.delete(actorId);
      else this.#actors.set(actorId, { pending, finished: 0 });
    }
    const ran = this.#ranHere;
    this.#ranHere = 0;
    const here = this.#runningHere === undefined ? {} : { running: this.#runningHere };
    if (groups.length + actors.length + ran === 0 && this.#runningHere === this.#toldRunning) return;
    this.#toldRunning = this.#runningHere;
    this.#toldLastChance = this.#isLastChance;
    const last = this.#isLastChance ? ({ isLastChance: true } as const) : {};
    this.#hooks.send({ type: "report", groups, actors, finished: ran, ...here, ...last });
    // What runs may change without an event here: look again while something is unfinished.
    if (this.#groups.size > 0) this.#planReport();
  }
}
