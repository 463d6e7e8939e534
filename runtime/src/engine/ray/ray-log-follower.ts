/**
 * New lines of the logs of Ray's workers, as they come. Ray's dashboard can stream a file, but a stream that was given up keeps
 * one of its hundred places until somebody writes to that file; so the ends of the files are read again and again.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectionFailedError, UnsupportedError } from "../../errors.ts";
import { limitOf, readQuery } from "../../node/state-query.ts";
import type { FollowedLines, LogLine, StateParameters } from "../../protocol/state.ts";
import type { JobsApi } from "./jobs-api.ts";
import { LogTail, MOST_LINES, type News } from "./log-tail.ts";
import { textOf } from "./ray-fields.ts";
import { eachOf, filesFor, type LogFile, logFiles } from "./ray-log-files.ts";
import { inFile, inOrder, logLines } from "./ray-log-lines.ts";
import { LOG_FIELDS } from "./ray-logs.ts";

const READ_EVERY_MS = 500;
/** How often new workers are looked for. */
const LOOK_EVERY_MS = 2_000;
/** A cluster that does not answer so often, one time after the other, is gone. */
const MOST_FAILURES = 3;
/** Ray lists a new worker a moment after its file is there, and one that has ended not for ever. */
const MISSED_WHEN_ENDED = 3;

/**
 * First the last lines that there are, then new ones, of what `tailRayLogs` would choose; also of workers that start later. Each
 * line comes once, see `LogTail`; those of different files may come in another order than they were printed in. Of a task there
 * are the lines that say so: those of our own functions and actors.
 *
 * It reads at most half of the time, and no more of the files of a worker that has ended.
 *
 * @throws UnsupportedError when there is no such worker, actor, job or task
 * @throws ConnectionFailedError when the cluster has ended, or cannot be reached
 */
export async function* followRayLogs(api: JobsApi, parameters: StateParameters): AsyncGenerator<FollowedLines> {
  const follower = new RayLogFollower(api, readQuery(parameters, LOG_FIELDS).filters);
  const limit = limitOf(parameters["limit"]);
  const { items, notes } = await follower.next();
  yield { items: items.slice(-limit), notes };
  for (let failures = 0; ; ) {
    await sleep(Math.max(READ_EVERY_MS, follower.tookMs));
    try {
      const news = await follower.next();
      failures = 0;
      if (news.items.length + news.notes.length > 0) yield news;
    } catch (error) {
      if (!(error instanceof ConnectionFailedError) || ++failures === MOST_FAILURES) throw error;
    }
  }
}

interface Followed extends LogFile {
  readonly tail: LogTail;
  /** It was there when following began: what is missing before its first lines was printed long ago. */
  isOld: boolean;
  /** How often its worker was not to be found, one time after the other. */
  missed: number;
  /** All of it was read. */
  isDone: boolean;
}

class RayLogFollower {
  readonly #api: JobsApi;
  readonly #filters: ReadonlyMap<string, string>;
  readonly #followed = new Map<string, Followed>();
  readonly #told = new Set<string>();
  #lookedAtMs: number | undefined;
  #lookTookMs = 0;
  /** How long the last reading took. */
  tookMs = 0;

  constructor(api: JobsApi, filters: ReadonlyMap<string, string>) {
    this.#api = api;
    this.#filters = filters;
  }

  /** Lines that have come since the last time. */
  async next(): Promise<FollowedLines> {
    const startMs = performance.now();
    const notes = await this.#lookForFiles();
    const read = await eachOf(
      [...this.#followed.values()].filter(({ isDone }) => !isDone),
      (file) => this.#newsOf(file),
    );
    this.tookMs = performance.now() - startMs;
    return { items: inOrder(read.map(({ items }) => items)), notes: [...notes, ...read.flatMap((each) => each.notes)] };
  }

  /** @returns what was not said before */
  async #lookForFiles(): Promise<readonly string[]> {
    const nowMs = performance.now();
    const isFirst = this.#lookedAtMs === undefined;
    if (nowMs - (this.#lookedAtMs ?? Number.NEGATIVE_INFINITY) < Math.max(LOOK_EVERY_MS, this.#lookTookMs)) return [];
    const [{ files, nodes, notes }, workers] = await Promise.all([logFiles(this.#api), this.#api.list("workers")]);
    for (const file of await this.#wanted(files, isFirst)) {
      const key = `${file.node} ${file.file}`;
      if (this.#followed.has(key)) continue;
      const tail = new LogTail((lines) => this.#api.logText(file.node, file.file, lines));
      this.#followed.set(key, { ...file, tail, isOld: isFirst, missed: 0, isDone: false });
    }
    const states = new Map(workers.rows.map((row) => [textOf(row["worker_id"]) ?? "", row["is_alive"] === true]));
    for (const file of this.#followed.values()) {
      const isAlive = states.get(file.worker);
      file.missed = isAlive === true ? 0 : isAlive === false ? MISSED_WHEN_ENDED : file.missed + 1;
      // Its files went with it.
      if (!nodes.has(file.node)) file.isDone = true;
    }
    this.#lookedAtMs = performance.now();
    this.#lookTookMs = this.#lookedAtMs - nowMs;
    const news = notes.filter((note) => !this.#told.has(note));
    for (const note of news) this.#told.add(note);
    return news;
  }

  /** That what is followed exists shows in the beginning; later it may be gone from Ray's lists. */
  async #wanted(files: readonly LogFile[], isFirst: boolean): Promise<readonly LogFile[]> {
    try {
      return await filesFor(this.#api, files, this.#filters);
    } catch (error) {
      if (isFirst || !(error instanceof UnsupportedError)) throw error;
      return [];
    }
  }

  async #newsOf(file: Followed): Promise<FollowedLines> {
    let news: News;
    try {
      news = await file.tail.next();
    } catch (error) {
      // Whether its node or all of the cluster is gone shows when files are looked for.
      if (error instanceof ConnectionFailedError) return { items: [], notes: [] };
      throw error;
    }
    const { lines, isCut } = news;
    const isOver = lines.length === 0 && file.missed >= MISSED_WHEN_ENDED;
    if (isOver) file.isDone = true;
    const task = this.#filters.get("task");
    const items = logLines(isOver ? [file.tail.rest] : lines)
      .filter((line) => task === undefined || line.task === task)
      .map((line): LogLine => inFile(file, line));
    const notes = isCut && !file.isOld ? [cutNote(file)] : [];
    file.isOld = false;
    return { items, notes };
  }
}

function cutNote({ worker, stream }: LogFile): string {
  return `Worker ${worker} printed more than ${MOST_LINES} lines at once to ${stream}: those before the next ones are missing.`;
}
