/** Shows values under the cell that asks for it. */

import { NOTEBOOK_HOST, type NotebookHost } from "../session/notebook-host.ts";
import type { Execution } from "../session/session.ts";
import { toBundle } from "./bundle.ts";

export interface DisplayOptions {
  /** Name of this display: a later call with the same name and `update` replaces what it shows. */
  readonly id?: string;
  /** Replace what earlier displays named `id` show, wherever they are, instead of adding one. Default false. */
  readonly update?: boolean;
}

/** The last display that each cell has begun; the next one waits for it, so that they appear in order. */
const latest = new WeakMap<Execution, Promise<void>>();

/**
 * Show `value` under the current cell. Resolves when it is on its way. Outside a notebook it prints the value's text.
 *
 * @throws TypeError for `update` without `id`.
 */
export async function display(value: unknown, options: DisplayOptions = {}): Promise<void> {
  if (options.update === true && options.id === undefined) throw new TypeError("display: `update` needs an `id`.");
  const host = notebook();
  const execution = host?.currentExecution();
  const previous = execution === undefined ? undefined : latest.get(execution);
  const shown = show(value, options, host, execution, previous);
  if (execution !== undefined) latest.set(execution, shown);
  return shown;
}

async function show(
  value: unknown,
  { id, update = false }: DisplayOptions,
  host: NotebookHost | undefined,
  execution: Execution | undefined,
  previous: Promise<void> | undefined,
): Promise<void> {
  const { data, metadata } = (await toBundle(value)) ?? { data: { "text/plain": "undefined" }, metadata: {} };
  await previous;
  if (host === undefined) {
    console.log(String(data["text/plain"]));
    return;
  }
  host.display(execution, data, { metadata, ...(id === undefined ? {} : { displayId: id }), isUpdate: update });
}

/** Empty the output of the current cell; with `wait`, only when the next output arrives, which avoids flicker. */
export function clearOutput(wait = false): void {
  const host = notebook();
  host?.clearOutput(host.currentExecution(), wait);
}

/** Resolves when everything that `execution` has displayed so far is on its way. */
export async function displaysShown(execution: Execution): Promise<void> {
  await latest.get(execution);
}

function notebook(): NotebookHost | undefined {
  return (globalThis as Record<symbol, unknown>)[NOTEBOOK_HOST] as NotebookHost | undefined;
}
