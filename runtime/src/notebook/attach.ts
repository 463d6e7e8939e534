/** Connects an engine with where the user sits: a notebook, or a terminal. */
import type { Engine } from "../engine/engine.ts";
import { CLUSTER_VIEW_TARGET } from "../protocol/cluster-view.ts";
import type { FromWorker } from "../protocol/messages.ts";
import { type NotebookHost, notebookHost } from "./host.ts";
import { Progress } from "./progress.ts";
import { RepeatedLines } from "./repeated-lines.ts";

const RECOVER_AFTER_MS: readonly number[] = [50, 500, 2_000];

type Output = Extract<FromWorker, { type: "output" }>;

/** Show output and progress, and cancel on interrupt. Returns the way to stop that. */
export function attachNotebook(engine: Engine): () => void {
  const host = notebookHost();
  return host === undefined ? attachTerminal(engine) : attachHost(engine, host);
}

function attachTerminal(engine: Engine): () => void {
  const lines = foldingLines(({ stream, text, source, pid }) => {
    process[stream].write(prefixed(text, `(${source} ${pid}) `));
  });
  const stop = engine.observe({ submitted: () => {}, ended: () => {}, output: (output) => lines.add(output) });
  return () => {
    stop();
    lines.flush();
  };
}

/** Lines that several workers print alike as one, unless MOBULA_FOLD_LINES is 0. */
function foldingLines(show: (output: Output) => void): Pick<RepeatedLines, "add" | "flush"> {
  if (process.env["MOBULA_FOLD_LINES"] === "0") return { add: show, flush: () => {} };
  return new RepeatedLines({
    show,
    now: () => performance.now(),
    later: (callback, delayMs) => void setTimeout(callback, delayMs).unref(),
  });
}

/** Every line says who printed it: in a terminal all output looks the same. */
export function prefixed(text: string, prefix: string): string {
  const isWhole = text.endsWith("\n");
  const lines = (isWhole ? text.slice(0, -1) : text).split("\n");
  return `${lines.map((line) => prefix + line).join("\n")}\n`;
}

function attachHost(engine: Engine, host: NotebookHost): () => void {
  const progress = new Progress({
    show: (execution, bundle, displayId, isUpdate) => host.display(execution, bundle, { displayId, isUpdate }),
    runningOf: (messageId) => engine.runningOf(messageId),
    now: () => performance.now(),
  });
  const lines = foldingLines(({ execution, stream, text }) => host.stream(execution, stream, text));
  const stops = [
    engine.observe({
      submitted: (execution) => progress.submitted(execution),
      ended: (execution, _name, outcome) => progress.ended(execution, outcome),
      output: (output) => lines.add(output),
    }),
    host.onInterrupt(({ messageId }) => {
      engine.cancelExecution(messageId, "the cell was interrupted");
      // What follows may end in a termination of the cell's code, whenever that gives up.
      for (const delayMs of RECOVER_AFTER_MS) setTimeout(() => engine.recover(), delayMs).unref();
    }),
    host.onCellEnd(({ messageId }) => progress.cellEnded(messageId)),
    () => progress.close(),
    () => lines.flush(),
  ];
  if (engine.useDebugger !== undefined && host.onDebugging !== undefined) {
    stops.push(host.onDebugging((address) => engine.useDebugger?.(address) ?? Promise.resolve()));
  }
  const { viewAddress } = engine;
  if (viewAddress !== undefined) stops.push(host.delegateComm(CLUSTER_VIEW_TARGET, viewAddress));
  return () => {
    for (const stop of stops) stop();
  };
}
