/**
 * What a run writes into the notebook about itself, in papermill's fields, so that tools made for papermill read it:
 * times and parameters in the notebook's metadata, status and times in each cell's, a banner when a cell failed.
 */
import { type Cell, type CodeCell, isObject, type JsonObject, type Notebook, newCell, tagsOf } from "./notebook.ts";

/** Marks cells that a failed run added; they go when the notebook runs again. */
const ERROR_MARKER_TAG = "papermill-error-cell-tag";
const ERROR_ANCHOR = "papermill-error-cell";

export interface RunFacts {
  readonly inputPath: string;
  readonly outputPath: string;
  /** What was injected; empty when nothing was. */
  readonly parameters: JsonObject;
  /** Name and version of the program that runs the notebook. */
  readonly runner: string;
}

/** Make the notebook look not run yet: no outputs, no counts, no marks of an earlier run. */
export function startNotebook(notebook: Notebook, facts: RunFacts, now: Date): void {
  notebook.cells = notebook.cells.filter((cell) => !tagsOf(cell).includes(ERROR_MARKER_TAG));
  const earlier = isObject(notebook.metadata["papermill"]) ? notebook.metadata["papermill"] : {};
  const hasParameters = Object.keys(facts.parameters).length > 0;
  notebook.metadata["papermill"] = {
    ...earlier,
    version: facts.runner,
    // Without new values, those of the injected cell that the notebook brought along are still in force.
    parameters: hasParameters ? facts.parameters : (earlier["parameters"] ?? {}),
    input_path: facts.inputPath,
    output_path: facts.outputPath,
    start_time: now.toISOString(),
    end_time: null,
    duration: null,
    exception: null,
  };
  for (const cell of notebook.cells) {
    cell.metadata["papermill"] = {
      status: "pending",
      start_time: null,
      end_time: null,
      duration: null,
      exception: null,
    };
    if (cell.cell_type !== "code") continue;
    cell.execution_count = null;
    cell.outputs = [];
    delete cell.metadata["execution"];
  }
}

export function startCell(cell: Cell, now: Date): void {
  Object.assign(recordOf(cell.metadata), { status: "running", start_time: now.toISOString(), exception: false });
}

/** `cell` is over, or was passed over because it is no code. */
export function finishCell(cell: Cell, status: "completed" | "failed", now: Date): void {
  const record = recordOf(cell.metadata);
  record["start_time"] ??= now.toISOString();
  close(record, now);
  Object.assign(record, { status, exception: status === "failed" });
}

export function finishNotebook(notebook: Notebook, hasFailed: boolean, now: Date): void {
  const record = recordOf(notebook.metadata);
  close(record, now);
  if (hasFailed) record["exception"] = true;
}

/** Put a banner on top that leads to the failed cell, and an anchor right above that cell. */
export function markFailure(notebook: Notebook, failed: CodeCell): void {
  const index = notebook.cells.indexOf(failed);
  const style = 'style="color: red; font-size: 1.5em"';
  const link = `<a href="#${ERROR_ANCHOR}">In [${failed.execution_count ?? " "}]</a>`;
  const tags = [ERROR_MARKER_TAG];
  const anchor = newCell(notebook, "markdown", {
    id: ERROR_ANCHOR,
    tags,
    source: `<span id="${ERROR_ANCHOR}" ${style}>The run stopped at the next cell:</span>`,
  });
  notebook.cells.splice(index, 0, anchor);
  const banner = newCell(notebook, "markdown", {
    id: "papermill-error-banner",
    tags,
    source: `<span ${style}>This run failed in ${link}.</span>`,
  });
  notebook.cells.unshift(banner);
}

function close(record: JsonObject, now: Date): void {
  const start = typeof record["start_time"] === "string" ? Date.parse(record["start_time"]) : now.getTime();
  record["end_time"] = now.toISOString();
  record["duration"] = (now.getTime() - start) / 1000;
}

function recordOf(metadata: JsonObject): JsonObject {
  if (!isObject(metadata["papermill"])) metadata["papermill"] = {};
  return metadata["papermill"] as JsonObject;
}
