/**
 * What a process printed, kept in a file of bounded size: one JSON object a line, with when, which stream and for which
 * task. The worker writes what it captures; the head writes what passed the capture by, to a file beside.
 */
import { closeSync, openSync, readFileSync, renameSync, statSync, writeSync } from "node:fs";

/** One of two files: the older half is dropped when the newer is full. */
const MAX_FILE_BYTES = 1024 ** 2;
/** Written at once when so much waits. */
const MAX_PENDING_CHARS = 64 * 1024;
const WRITE_AFTER_MS = 50;

export interface LogSource {
  readonly task?: string;
  readonly name?: string;
  readonly cellId?: string;
}

/** Text that was printed at once; several lines, or a part of one. */
export interface LogRecord extends LogSource {
  /** Rises by 1 from record to record of a file. */
  readonly number: number;
  readonly atMs: number;
  readonly stream: "stdout" | "stderr";
  readonly text: string;
}

export class LogFile {
  readonly #path: string;
  readonly #maxBytes: number;
  #file: number | undefined;
  #sizeBytes = 0;
  #number = 0;
  #pending:
    | { readonly source: LogSource; readonly stream: "stdout" | "stderr"; readonly atMs: number; text: string }
    | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isBroken = false;

  /** @param path - in a folder that exists; the file is made with the first text. */
  constructor(path: string, maxBytes: number = MAX_FILE_BYTES) {
    this.#path = path;
    this.#maxBytes = maxBytes;
  }

  add(stream: "stdout" | "stderr", text: string, source: LogSource): void {
    if (this.#isBroken) return;
    const pending = this.#pending;
    const nowMs = Date.now();
    if (pending !== undefined && pending.source.task === source.task && pending.stream === stream) pending.text += text;
    else {
      this.flush();
      this.#pending = { source, stream, atMs: nowMs, text };
      // Code that spins never lets the timer run: then its next text writes what waits.
      this.#timer ??= setTimeout(() => this.flush(), WRITE_AFTER_MS).unref();
    }
    const { text: waiting, atMs } = this.#pending ?? { text: "", atMs: nowMs };
    if (waiting.length >= MAX_PENDING_CHARS || nowMs - atMs >= WRITE_AFTER_MS) this.flush();
  }

  /** Write what waits. */
  flush(): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { source, stream, atMs, text } = pending;
    const record: LogRecord = { number: ++this.#number, atMs, stream, text, ...source };
    try {
      this.#append(Buffer.from(`${JSON.stringify(record)}\n`));
    } catch {
      // No room, or the cluster's folder is gone: what is printed still reaches the driver.
      this.#isBroken = true;
    }
  }

  #append(line: Buffer): void {
    if (this.#file !== undefined && this.#sizeBytes + line.length > this.#maxBytes) {
      closeSync(this.#file);
      this.#file = undefined;
      renameSync(this.#path, olderOf(this.#path));
    }
    if (this.#file === undefined) {
      this.#file = openSync(this.#path, "w", 0o600);
      this.#sizeBytes = 0;
    }
    writeSync(this.#file, line);
    this.#sizeBytes += line.length;
  }
}

function olderOf(path: string): string {
  return path.replace(/\.log$/, ".1.log");
}

/** The records of a log, oldest first. */
export function readLog(path: string): LogRecord[] {
  return [olderOf(path), path].flatMap((file) => {
    const lines = readText(file).split("\n");
    return lines.flatMap((line) => parseRecord(line) ?? []);
  });
}

export function logBytes(path: string): number {
  return [olderOf(path), path].reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0);
}

export function logFilesOf(path: string): string[] {
  return [olderOf(path), path];
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // Not begun, or rotated away just now.
    return "";
  }
}

/** Undefined for the end of a line that is being written. */
function parseRecord(line: string): LogRecord | undefined {
  if (!line.endsWith("}")) return undefined;
  try {
    return JSON.parse(line) as LogRecord;
  } catch {
    return undefined;
  }
}
