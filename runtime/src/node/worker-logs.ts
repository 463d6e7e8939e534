/** The logs of all workers of a cluster: raw output is written here, and all is read here. */
import { mkdirSync, rmSync } from "node:fs";
import type { LogLine } from "../protocol/state.ts";
import { LogFile, type LogRecord, logBytes, logFilesOf, readLog } from "./log-file.ts";
import { logDirectory, rawLogPath, workerLogPath } from "./options.ts";

/** Logs of workers that ended are kept for the last so many. */
const KEPT_ENDED = 50;

export interface TailedWorker {
  readonly id: string;
  readonly pid: number;
}

export class WorkerLogs {
  readonly #directory: string;
  readonly #raw = new Map<string, LogFile>();
  readonly #ended: string[] = [];

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(logDirectory(directory), { recursive: true, mode: 0o700 });
  }

  /** Output that a worker's capture did not see. */
  addRaw(worker: string, stream: "stdout" | "stderr", text: string): void {
    let file = this.#raw.get(worker);
    if (file === undefined) {
      file = new LogFile(rawLogPath(this.#directory, worker));
      this.#raw.set(worker, file);
    }
    file.add(stream, text, {});
  }

  ended(worker: string): void {
    this.#raw.get(worker)?.flush();
    this.#raw.delete(worker);
    this.#ended.push(worker);
    if (this.#ended.length <= KEPT_ENDED) return;
    for (const file of this.#pathsOf(this.#ended.shift() ?? "").flatMap(logFilesOf)) rmSync(file, { force: true });
  }

  /** Workers that ended and whose logs are still there. */
  get endedWorkers(): readonly string[] {
    return this.#ended;
  }

  sizeBytes(worker: string): number {
    return this.#pathsOf(worker).reduce((sum, path) => sum + logBytes(path), 0);
  }

  #pathsOf(worker: string): string[] {
    return [workerLogPath(this.#directory, worker), rawLogPath(this.#directory, worker)];
  }

  /**
   * Lines of several workers, oldest first.
   *
   * @param after - a cursor of an earlier call: only what came since; empty for all.
   */
  read(
    workers: readonly TailedWorker[],
    after: string,
    isWanted: (record: LogRecord) => boolean,
  ): { readonly lines: LogLine[]; readonly cursor: string } {
    const seen = parseCursor(after);
    const lines: LogLine[] = [];
    for (const file of this.#raw.values()) file.flush();
    for (const worker of workers) {
      for (const [index, path] of this.#pathsOf(worker.id).entries()) {
        const key = index === 0 ? worker.id : `${worker.id}!`;
        const last = seen.get(key) ?? 0;
        for (const record of readLog(path)) {
          if (record.number <= last) continue;
          seen.set(key, record.number);
          if (isWanted(record)) lines.push(...linesOf(worker, record));
        }
      }
    }
    lines.sort((a, b) => (a.atMs ?? 0) - (b.atMs ?? 0));
    return { lines, cursor: [...seen].map(([key, number]) => `${key}:${number}`).join(",") };
  }
}

function linesOf({ id, pid }: TailedWorker, record: LogRecord): LogLine[] {
  const { atMs, stream, text, task, name, cellId } = record;
  const source = {
    ...(task === undefined ? {} : { task }),
    ...(name === undefined ? {} : { name }),
    ...(cellId === undefined ? {} : { cellId }),
  };
  const lines = (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n");
  return lines.map((line) => ({ atMs, worker: id, pid, stream, text: line, ...source }));
}

function parseCursor(cursor: string): Map<string, number> {
  const seen = new Map<string, number>();
  for (const part of cursor === "" ? [] : cursor.split(",")) {
    const [key = "", number = ""] = part.split(":");
    if (Number.isInteger(Number(number))) seen.set(key, Number(number));
  }
  return seen;
}
