/** One line per cell run that says how far its tasks are. Shown only when there is something to wait for. */

import type { TaskOutcome } from "../engine/engine.ts";
import type { WireExecution } from "../protocol/messages.ts";

/** Shorter work is not worth a line, unless it is many tasks. */
const SHOW_AFTER_MS = 300;
const SHOW_FROM_TASKS = 20;
const UPDATE_EVERY_MS = 500;

export type Bundle = Readonly<Record<string, string>>;

export interface ProgressHooks {
  show(execution: WireExecution, bundle: Bundle, displayId: string, isUpdate: boolean): void;
  runningOf(messageId: string): number;
  now(): number;
}

interface CellProgress {
  readonly execution: WireExecution;
  readonly startedMs: number;
  submitted: number;
  finished: number;
  failed: number;
  cancelled: number;
  retried: number;
  isShown: boolean;
  shownText: string;
  endedMs: number | undefined;
}

export class Progress {
  readonly #hooks: ProgressHooks;
  readonly #cells = new Map<string, CellProgress>();
  #timer: NodeJS.Timeout | undefined;

  constructor(hooks: ProgressHooks) {
    this.#hooks = hooks;
  }

  submitted(execution: WireExecution | undefined): void {
    if (execution === undefined) return;
    const cell = this.#cells.get(execution.messageId) ?? this.#newCell(execution);
    cell.submitted++;
    cell.endedMs = undefined;
    this.#timer ??= setTimeout(() => this.#update(), SHOW_AFTER_MS).unref();
  }

  #newCell(execution: WireExecution): CellProgress {
    const cell: CellProgress = {
      execution,
      startedMs: this.#hooks.now(),
      submitted: 0,
      finished: 0,
      failed: 0,
      cancelled: 0,
      retried: 0,
      isShown: false,
      shownText: "",
      endedMs: undefined,
    };
    this.#cells.set(execution.messageId, cell);
    return cell;
  }

  ended(execution: WireExecution | undefined, outcome: TaskOutcome): void {
    const cell = execution === undefined ? undefined : this.#cells.get(execution.messageId);
    if (cell === undefined) return;
    cell[outcome]++;
    if (!isOver(cell)) return;
    cell.endedMs = this.#hooks.now();
    // A loop that awaits one task after the other ends here at every step: the timer shows the end.
    this.#timer ??= setTimeout(() => this.#update(), SHOW_AFTER_MS).unref();
  }

  /** The cell is over, and its line, if there is one, shows how its tasks stand now. */
  cellEnded(messageId: string): void {
    const cell = this.#cells.get(messageId);
    if (cell?.isShown === true) this.#show(cell, this.#hooks.now());
  }

  #update(): void {
    this.#timer = undefined;
    const now = this.#hooks.now();
    let isActive = false;
    for (const [messageId, cell] of this.#cells) {
      this.#show(cell, now);
      if (!isOver(cell)) isActive = true;
      // The line keeps its last state. A cell that submits again later continues its counts.
      else if (cell.endedMs !== undefined && now - cell.endedMs > 60_000) this.#cells.delete(messageId);
    }
    if (isActive) this.#timer = setTimeout(() => this.#update(), UPDATE_EVERY_MS).unref();
  }

  #show(cell: CellProgress, now: number): void {
    const elapsedMs = (cell.endedMs ?? now) - cell.startedMs;
    if (!cell.isShown && elapsedMs < SHOW_AFTER_MS && cell.submitted < SHOW_FROM_TASKS) return;
    const text = describe(cell, this.#hooks.runningOf(cell.execution.messageId), elapsedMs);
    if (text === cell.shownText) return;
    cell.shownText = text;
    const bundle = { "text/plain": text, "text/html": toHtml(cell, text) };
    this.#hooks.show(cell.execution, bundle, `mobula-progress-${cell.execution.messageId}`, cell.isShown);
    cell.isShown = true;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#cells.clear();
  }
}

function doneOf(cell: CellProgress): number {
  return cell.finished + cell.failed + cell.cancelled;
}

function isOver(cell: CellProgress): boolean {
  return doneOf(cell) >= cell.submitted;
}

function describe(cell: CellProgress, running: number, elapsedMs: number): string {
  const parts = [`${doneOf(cell)}/${cell.submitted}`];
  if (!isOver(cell)) parts.push(`${running} running`);
  if (cell.failed > 0) parts.push(`${cell.failed} failed`);
  if (cell.cancelled > 0) parts.push(`${cell.cancelled} cancelled`);
  if (cell.retried > 0) parts.push(`${cell.retried} retried`);
  parts.push(duration(elapsedMs));
  return parts.join(" · ");
}

function duration(elapsedMs: number): string {
  const seconds = Math.floor(elapsedMs / 1000);
  const pad = (value: number): string => String(value).padStart(2, "0");
  const minutes = `${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`;
  return seconds < 3600 ? minutes : `${Math.floor(seconds / 3600)}:${minutes}`;
}

function toHtml(cell: CellProgress, text: string): string {
  const share = cell.submitted === 0 ? 0 : (100 * doneOf(cell)) / cell.submitted;
  const colour = cell.failed > 0 ? "--jp-error-color1" : isOver(cell) ? "--jp-success-color1" : "--jp-brand-color1";
  const track = "flex:none;width:160px;height:6px;border-radius:3px;overflow:hidden;background:var(--jp-layout-color3)";
  return (
    '<div style="display:flex;align-items:center;gap:8px;font-size:var(--jp-ui-font-size1);color:var(--jp-ui-font-color1)">' +
    `<div role="progressbar" aria-label="Tasks of this cell" aria-valuemin="0" aria-valuemax="${cell.submitted}" ` +
    `aria-valuenow="${doneOf(cell)}" style="${track}">` +
    `<div style="width:${share.toFixed(1)}%;height:100%;background:var(${colour})"></div></div>` +
    `<span>${text}</span></div>`
  );
}
