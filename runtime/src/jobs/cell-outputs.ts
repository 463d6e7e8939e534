/**
 * What a kernel publishes, put into the cells of a notebook as JupyterLab would: streams joined, displays updated by
 * their id wherever they stand, outputs cleared at once or with the next one.
 */
import type { CodeCell, JsonObject, Output } from "./notebook.ts";
import { isObject } from "./notebook.ts";

/** The part of an iopub message that outputs depend on. */
export interface IopubMessage {
  readonly type: string;
  readonly content: JsonObject;
}

/** Collects outputs for all cells of one run. */
export class CellOutputs {
  /** display_id → outputs that show it, in any cell. */
  readonly #displays = new Map<string, Set<Output>>();
  /** Cells to clear as soon as they get another output: `clear_output` with `wait`. */
  readonly #clearNext = new Set<CodeCell>();

  /** Forget what `cell` showed; called when it starts. */
  clear(cell: CodeCell): void {
    for (const outputs of this.#displays.values()) for (const output of cell.outputs) outputs.delete(output);
    this.#clearNext.delete(cell);
    cell.outputs = [];
  }

  /**
   * Take in one message whose request was `cell`.
   *
   * @returns whether the notebook changed.
   */
  apply(cell: CodeCell, message: IopubMessage): boolean {
    const { content } = message;
    switch (message.type) {
      case "stream":
        this.#addStream(cell, String(content["name"]), String(content["text"] ?? ""));
        return true;
      case "display_data":
        this.#addDisplay(cell, content, { output_type: "display_data", ...bundleOf(content) });
        return true;
      case "execute_result": {
        const count = typeof content["execution_count"] === "number" ? content["execution_count"] : null;
        this.#addDisplay(cell, content, { output_type: "execute_result", execution_count: count, ...bundleOf(content) });
        return true;
      }
      case "update_display_data":
        return this.#update(content);
      case "error":
        this.#add(cell, errorOutput(content));
        return true;
      case "clear_output":
        if (content["wait"] === true) this.#clearNext.add(cell);
        else this.clear(cell);
        return true;
      default:
        return false;
    }
  }

  #add(cell: CodeCell, output: Output): void {
    if (this.#clearNext.has(cell)) this.clear(cell);
    cell.outputs.push(output);
  }

  #addStream(cell: CodeCell, name: string, text: string): void {
    if (this.#clearNext.has(cell)) this.clear(cell);
    const last = cell.outputs.at(-1);
    if (last?.output_type === "stream" && last.name === name) last.text = appendToTerminal(last.text, text);
    else cell.outputs.push({ output_type: "stream", name, text: appendToTerminal("", text) });
  }

  #addDisplay(cell: CodeCell, content: JsonObject, output: Output): void {
    const id = displayIdOf(content);
    // A new display of a known id also replaces what the earlier ones show.
    if (id !== undefined) this.#update(content);
    this.#add(cell, output);
    if (id === undefined) return;
    const outputs = this.#displays.get(id) ?? new Set();
    this.#displays.set(id, outputs.add(output));
  }

  #update(content: JsonObject): boolean {
    const outputs = this.#displays.get(displayIdOf(content) ?? "");
    for (const output of outputs ?? []) Object.assign(output, bundleOf(content));
    return outputs !== undefined && outputs.size > 0;
  }
}

/** Nbformat's form of a kernel's error: an `error` message or an `execute_reply`. */
export function errorOutput(content: JsonObject): Extract<Output, { output_type: "error" }> {
  const traceback = Array.isArray(content["traceback"]) ? content["traceback"].map(String) : [];
  const { ename = "Error", evalue = "" } = content;
  return { output_type: "error", ename: String(ename), evalue: String(evalue), traceback };
}

/**
 * Write `added` behind `text` the way a terminal would: a carriage return starts the line again, a backspace deletes a
 * character. Progress bars of programs then take one line, not hundreds.
 */
export function appendToTerminal(text: string, added: string): string {
  if (!/[\r\b]/.test(added) && !text.endsWith("\r")) return text + added;
  const lineStart = text.lastIndexOf("\n") + 1;
  const lines = (text.slice(lineStart) + added).split("\n");
  return text.slice(0, lineStart) + lines.map((line, index) => overwrite(line, index < lines.length - 1)).join("\n");
}

/** One line after its carriage returns and backspaces. A trailing return of an unfinished line waits for what follows. */
function overwrite(line: string, isFinished: boolean): string {
  const waiting = !isFinished && line.endsWith("\r") ? "\r" : "";
  const shown: string[] = [];
  let column = 0;
  for (const character of line.replace(/\r+$/, "")) {
    if (character === "\r") column = 0;
    else if (character === "\b") {
      column = Math.max(0, column - 1);
      shown.length = Math.min(shown.length, column);
    } else shown[column++] = character;
  }
  return shown.join("") + waiting;
}

function bundleOf(content: JsonObject): { data: JsonObject; metadata: JsonObject } {
  const { data, metadata } = content;
  return { data: isObject(data) ? data : {}, metadata: isObject(metadata) ? metadata : {} };
}

function displayIdOf(content: JsonObject): string | undefined {
  const { transient } = content;
  const id = isObject(transient) ? transient["display_id"] : undefined;
  return typeof id === "string" ? id : undefined;
}
