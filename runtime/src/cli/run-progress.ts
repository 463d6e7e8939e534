/** Shows a running notebook in a terminal or a log: progress on stderr, what the cells print on stdout. */
import { stripVTControlCharacters } from "node:util";
import { type IopubMessage, textIn } from "../jobs/cell-outputs.ts";
import { messageOf } from "../jobs/job-error.ts";
import { type CodeCell, isObject } from "../jobs/notebook.ts";
import type { RunReporter } from "../jobs/run-notebook.ts";

export type ShowLevel = "outputs" | "progress" | "none";

/** A stream to write to; `isTTY` as Node's streams have it. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const TITLE_LENGTH = 60;
/** Some terminals say nothing about their width, or 0. */
const DEFAULT_COLUMNS = 80;
const REDRAW_INTERVAL_MS = 1000;
/** Back to the first column, and delete the line. */
const ERASE_LINE = "\r\u001B[2K";

/** On a terminal the running cell is one line that counts its seconds; in a log every finished cell is a line. */
export class RunProgress implements RunReporter {
  readonly #stdout: Screen;
  readonly #stderr: Screen;
  readonly #show: ShowLevel;
  #current: { label: string; startMs: number } | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The cursor stands behind output that has no newline yet. */
  #isInOutputLine = false;

  constructor(stdout: Screen, stderr: Screen, show: ShowLevel) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#show = show;
  }

  cellStarted(cell: CodeCell, position: number, total: number): void {
    this.#current = { label: `[${position}/${total}] ${cellTitle(cell.source)}`, startMs: performance.now() };
    this.#draw();
    if (this.#isLive()) this.#timer = setInterval(() => this.#draw(), REDRAW_INTERVAL_MS).unref();
  }

  messageArrived(_cell: CodeCell, message: IopubMessage): void {
    if (this.#show !== "outputs") return;
    const isStream = message.type === "stream";
    const isError = isStream && message.content["name"] === "stderr";
    this.#print(isError ? this.#stderr : this.#stdout, printedText(message), isStream);
  }

  cellFinished(cell: CodeCell, { durationMs, status }: Parameters<RunReporter["cellFinished"]>[1]): void {
    clearInterval(this.#timer);
    if (this.#current === undefined) return;
    const { label } = this.#current;
    // The error that ends the run is shown at its end, with its trace.
    const error = cell.outputs.find((output) => output.output_type === "error");
    if (status === "error-allowed" && error !== undefined && this.#show === "outputs") {
      this.#print(this.#stdout, `${error.ename}: ${error.evalue}\n`, false);
    }
    const result = { ok: "", "error-allowed": " (error allowed)", failed: " failed" }[status];
    this.#line(`${label} … ${formatDuration(durationMs)}${result}`);
    this.#current = undefined;
  }

  saveFailed(error: unknown): void {
    this.#erase();
    this.#stderr.write(`mobula: ${messageOf(error)}\n`);
    this.#draw();
  }

  /** A line of progress of its own. */
  note(text: string): void {
    this.#line(text);
  }

  #print(screen: Screen, text: string, isContinued: boolean): void {
    if (text === "") return;
    this.#erase();
    // Only text of a stream goes on in the line where the stream stopped.
    const whole = this.#isInOutputLine && !isContinued ? `\n${text}` : text;
    screen.write(screen.isTTY === true ? whole : stripVTControlCharacters(whole));
    this.#isInOutputLine = !text.endsWith("\n");
    this.#draw();
  }

  #line(text: string): void {
    if (this.#show === "none") return;
    this.#erase();
    // In a log, stdout usually is another file, so only a shared terminal needs the newline.
    if (this.#isInOutputLine && this.#stdout.isTTY === true) this.#stderr.write("\n");
    this.#isInOutputLine = false;
    this.#stderr.write(`${text}\n`);
  }

  #isLive(): boolean {
    return this.#stderr.isTTY === true && this.#show !== "none";
  }

  #draw(): void {
    if (this.#current === undefined || !this.#isLive() || this.#isInOutputLine) return;
    const { label, startMs } = this.#current;
    const text = `${label} … ${formatDuration(performance.now() - startMs)}`;
    this.#stderr.write(ERASE_LINE + text.slice(0, (this.#stderr.columns || DEFAULT_COLUMNS) - 1));
  }

  #erase(): void {
    if (this.#current !== undefined && this.#isLive() && !this.#isInOutputLine) this.#stderr.write(ERASE_LINE);
  }
}

/** What a cell is called in the progress: papermill's description, its first comment, or its first line. */
export function cellTitle(source: string): string {
  const described = /papermill_description=(\S+)/.exec(source)?.[1];
  const first = source.split("\n").find((line) => line.trim() !== "") ?? "";
  const comment = /^\s*(?:\/\/+|\/\*+)\s*(.+?)\s*(?:\*\/)?\s*$/.exec(first)?.[1];
  const title = (described ?? comment ?? first).replace(/\s+/g, " ").trim();
  const characters = Array.from(new Intl.Segmenter().segment(title), ({ segment }) => segment);
  return characters.length <= TITLE_LENGTH ? title : `${characters.slice(0, TITLE_LENGTH - 1).join("")}…`;
}

export function formatDuration(durationMs: number): string {
  const seconds = durationMs / 1000;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}

/** The text that stands for an output in a terminal; empty for outputs that have none. */
function printedText({ type, content }: IopubMessage): string {
  if (type === "stream") return textIn(content, "text");
  if (type !== "execute_result" && type !== "display_data") return "";
  const plain = isObject(content["data"]) ? content["data"]["text/plain"] : undefined;
  return typeof plain === "string" && plain !== "" ? `${plain}\n` : "";
}
