/**
 * What a kernel publishes, put into the cells of a notebook as JupyterLab would: streams joined, displays updated by
 * their id wherever they stand, outputs cleared at once or with the next one.
 */
import { type CodeCell, isObject, type JsonObject, type Output, type StreamOutput } from "./notebook.ts";

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
  /** Streams whose next character does not go to the end of the text. */
  readonly #columns = new WeakMap<StreamOutput, number>();

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
        this.#addStream(cell, String(content["name"]), textIn(content, "text"));
        return true;
      case "display_data":
        this.#addDisplay(cell, content, { output_type: "display_data", ...bundleOf(content) });
        return true;
      case "execute_result": {
        const count = typeof content["execution_count"] === "number" ? content["execution_count"] : null;
        this.#addDisplay(cell, content, {
          output_type: "execute_result",
          execution_count: count,
          ...bundleOf(content),
        });
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
    const isContinued = last?.output_type === "stream" && last.name === name;
    const output: StreamOutput = isContinued ? last : { output_type: "stream", name, text: "" };
    if (!isContinued) cell.outputs.push(output);
    const column = this.#columns.get(output);
    const written = writeToTerminal({ text: output.text, ...(column !== undefined && { column }) }, text);
    output.text = written.text;
    if (written.column === undefined) this.#columns.delete(output);
    else this.#columns.set(output, written.column);
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

/** What a terminal shows, and where it writes next. */
export interface TerminalText {
  readonly text: string;
  /** Column in the last line; absent when that is the end of the line. */
  readonly column?: number;
}

/**
 * Write as a terminal does: a carriage return goes to the start of the line and a backspace one column back, and what
 * follows overwrites. The progress bar of a program then takes one line, not hundreds.
 */
export function writeToTerminal({ text, column }: TerminalText, added: string): TerminalText {
  if (column === undefined && !/[\r\b]/.test(added)) return { text: text + added };
  const lineStart = text.lastIndexOf("\n") + 1;
  let finished = text.slice(0, lineStart);
  let line = Array.from(text.slice(lineStart));
  let next = column ?? line.length;
  for (const character of added) {
    if (character === "\r") next = 0;
    else if (character === "\b") next = Math.max(0, next - 1);
    else if (character === "\n") {
      finished += `${line.join("")}\n`;
      line = [];
      next = 0;
    } else line[next++] = character;
  }
  return { text: finished + line.join(""), ...(next < line.length && { column: next }) };
}

/** A field that holds text, if it does. */
export function textIn(content: JsonObject, field: string): string {
  const text = content[field];
  return typeof text === "string" ? text : "";
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
