/**
 * Jupyter's notebook format 4 as data: reading, checking, writing.
 *
 * In memory every text is one string; in the file it is a list of lines. Fields this module does not know are kept.
 * Field names are those of the format: https://nbformat.readthedocs.io/en/latest/format_description.html
 */
import { JobError, messageOf } from "./job-error.ts";

export type JsonObject = Record<string, unknown>;

export interface CellMetadata extends JsonObject {
  tags?: string[];
}

interface CellFields extends JsonObject {
  /** Present from nbformat 4.5 on. */
  id?: string;
  metadata: CellMetadata;
  source: string;
}

export interface TextCell extends CellFields {
  cell_type: "markdown" | "raw";
}

export interface CodeCell extends CellFields {
  cell_type: "code";
  execution_count: number | null;
  outputs: Output[];
}

export type Cell = CodeCell | TextCell;

export interface StreamOutput extends JsonObject {
  output_type: "stream";
  name: string;
  text: string;
}

export interface RichOutput extends JsonObject {
  output_type: "display_data" | "execute_result";
  data: JsonObject;
  metadata: JsonObject;
}

export interface ErrorOutput extends JsonObject {
  output_type: "error";
  ename: string;
  evalue: string;
  traceback: string[];
}

export type Output = StreamOutput | RichOutput | ErrorOutput;

export interface Notebook extends JsonObject {
  nbformat: 4;
  nbformat_minor: number;
  metadata: JsonObject;
  cells: Cell[];
}

/** The minor version of the format that gave every cell an id. */
const FIRST_MINOR_WITH_IDS = 5;

/**
 * Read a notebook from the text of its file.
 *
 * @param label - how messages call the notebook, usually its path as the user typed it.
 * @throws JobError `NOTEBOOK_UNREADABLE`, saying what is wrong with it.
 */
export function parseNotebook(text: string, label: string): Notebook {
  const refuse = (reason: string): never => {
    throw new JobError("NOTEBOOK_UNREADABLE", `'${label}' is not a notebook: ${reason}.`);
  };
  const raw = parseJson(text, label);
  if (!isObject(raw)) return refuse("its JSON is not an object");
  if (typeof raw["nbformat"] !== "number") return refuse("the field 'nbformat' is missing");
  if (raw["nbformat"] !== 4) {
    const hint = raw["nbformat"] < 4 ? "; open it in JupyterLab and save it to convert it" : "";
    throw new JobError(
      "NOTEBOOK_UNREADABLE",
      `'${label}' has notebook format ${raw["nbformat"]}, and only format 4 can be run${hint}.`,
    );
  }
  if (!Array.isArray(raw["cells"])) return refuse("the list 'cells' is missing");
  const metadata = raw["metadata"] ?? {};
  if (!isObject(metadata)) return refuse("'metadata' is not an object");
  const minor = typeof raw["nbformat_minor"] === "number" ? raw["nbformat_minor"] : 0;
  const cells = raw["cells"].map((cell: unknown, index) =>
    readCell(cell, (reason) => refuse(`cell ${index + 1} ${reason}`)),
  );
  const notebook: Notebook = { ...raw, nbformat: 4, nbformat_minor: minor, metadata, cells };
  repairIds(notebook);
  return notebook;
}

/** The text of a notebook's file: keys sorted, one space of indent and a newline at the end, as Jupyter writes it. */
export function serializeNotebook(notebook: Notebook): string {
  const file = { ...notebook, cells: notebook.cells.map(cellForFile) };
  return `${JSON.stringify(sortKeys(file), undefined, 1)}\n`;
}

/** Whether the notebook's version of the format gives cells an id. */
export function hasCellIds(notebook: Notebook): boolean {
  return notebook.nbformat_minor >= FIRST_MINOR_WITH_IDS;
}

/** The tags of a cell. */
export function tagsOf(cell: Cell): readonly string[] {
  return Array.isArray(cell.metadata.tags) ? cell.metadata.tags : [];
}

/** Index of the first cell with `tag`, or -1. */
export function findTagged(notebook: Notebook, tag: string): number {
  return notebook.cells.findIndex((cell) => tagsOf(cell).includes(tag));
}

/** A new cell for `notebook`, with `id` (made unique) when its format has ids. */
export function newCell<Type extends "code" | "markdown">(
  notebook: Notebook,
  type: Type,
  fields: { id: string; source: string; tags: string[] },
): Type extends "code" ? CodeCell : TextCell;
export function newCell(
  notebook: Notebook,
  type: "code" | "markdown",
  fields: { id: string; source: string; tags: string[] },
): Cell {
  const common = { metadata: { tags: fields.tags }, source: fields.source };
  const cell: Cell =
    type === "code"
      ? { ...common, cell_type: type, execution_count: null, outputs: [] }
      : { ...common, cell_type: type };
  if (hasCellIds(notebook)) cell.id = freeId(fields.id, new Set(notebook.cells.map((other) => other.id)));
  return cell;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseJson(text: string, label: string): unknown {
  const content = text.startsWith("\uFEFF") ? text.slice(1) : text;
  if (content.trim() === "") throw new JobError("NOTEBOOK_UNREADABLE", `'${label}' is an empty file, not a notebook.`);
  try {
    return JSON.parse(content);
  } catch (error) {
    throw new JobError("NOTEBOOK_UNREADABLE", `'${label}' is not a notebook: it is not JSON (${messageOf(error)}).`, {
      cause: error,
    });
  }
}

function readCell(raw: unknown, refuse: (reason: string) => never): Cell {
  if (!isObject(raw)) return refuse("is not an object");
  const source = joinLines(raw["source"]);
  if (source === undefined) return refuse("has no text 'source'");
  const metadata = raw["metadata"] ?? {};
  if (!isObject(metadata)) return refuse("has metadata that is not an object");
  const fields = { ...raw, source, metadata };
  const type = raw["cell_type"];
  if (type === "markdown" || type === "raw") return { ...fields, cell_type: type };
  if (type !== "code") return refuse(`has the unknown type '${String(type)}'`);
  const outputs = raw["outputs"] ?? [];
  if (!Array.isArray(outputs)) return refuse("has 'outputs' that are not a list");
  const count = typeof raw["execution_count"] === "number" ? raw["execution_count"] : null;
  return {
    ...fields,
    cell_type: "code",
    execution_count: count,
    outputs: outputs.map((each) => readOutput(each, refuse)),
  };
}

function readOutput(raw: unknown, refuse: (reason: string) => never): Output {
  if (!isObject(raw)) return refuse("has an output that is not an object");
  switch (raw["output_type"]) {
    case "stream":
      return { ...raw, output_type: "stream", name: String(raw["name"]), text: joinLines(raw["text"]) ?? "" };
    case "display_data":
    case "execute_result": {
      const data = Object.entries(isObject(raw["data"]) ? raw["data"] : {});
      const metadata = isObject(raw["metadata"]) ? raw["metadata"] : {};
      const joined = Object.fromEntries(
        data.map(([type, value]) => [type, isJsonType(type) ? value : (joinLines(value) ?? value)]),
      );
      return { ...raw, output_type: raw["output_type"], data: joined, metadata };
    }
    case "error": {
      const traceback = Array.isArray(raw["traceback"]) ? raw["traceback"].map(String) : [];
      return { ...raw, output_type: "error", ename: String(raw["ename"]), evalue: String(raw["evalue"]), traceback };
    }
    default:
      return refuse(`has an output of the unknown type '${String(raw["output_type"])}'`);
  }
}

/** Text that a file holds as one string or as a list of lines; undefined when it is neither. */
function joinLines(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return Array.isArray(value) && value.every((line) => typeof line === "string") ? value.join("") : undefined;
}

/** Two cells with one id would replace each other's declarations in the kernel, so the later one gets a new id. */
function repairIds(notebook: Notebook): void {
  if (!hasCellIds(notebook)) return;
  const taken = new Set<string | undefined>();
  for (const [index, cell] of notebook.cells.entries()) {
    const wanted = typeof cell.id === "string" && cell.id !== "" ? cell.id : `cell-${index + 1}`;
    cell.id = freeId(wanted, taken);
    taken.add(cell.id);
  }
}

function freeId(wanted: string, taken: ReadonlySet<string | undefined>): string {
  let id = wanted;
  for (let n = 2; taken.has(id); n++) id = `${wanted}-${n}`;
  return id;
}

function cellForFile(cell: Cell): JsonObject {
  const file: JsonObject = { ...cell, source: splitLines(cell.source) };
  if (cell.cell_type === "code") file["outputs"] = cell.outputs.map(outputForFile);
  if (isObject(cell["attachments"])) {
    const attachments = Object.entries(cell["attachments"]);
    file["attachments"] = Object.fromEntries(
      attachments.map(([name, bundle]) => [name, isObject(bundle) ? bundleForFile(bundle) : bundle]),
    );
  }
  return file;
}

function outputForFile(output: Output): JsonObject {
  if (output.output_type === "stream") return { ...output, text: splitLines(output.text) };
  return output.output_type === "error" ? output : { ...output, data: bundleForFile(output.data) };
}

/** Texts as lists of lines; base64 data stays one string. */
function bundleForFile(bundle: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(bundle).map(([type, value]) => [
      type,
      typeof value === "string" && isTextType(type) ? splitLines(value) : value,
    ]),
  );
}

function isTextType(type: string): boolean {
  return type.startsWith("text/") || type === "application/javascript" || type === "image/svg+xml";
}

function isJsonType(type: string): boolean {
  return type === "application/json" || (type.startsWith("application/") && type.endsWith("+json"));
}

/** The lines of a text, each with its newline: `joinLines` in reverse. */
export function splitLines(text: string): string[] {
  return text === "" ? [] : text.split(/(?<=\n)/);
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (!isObject(value)) return value;
  const sorted: JsonObject = {};
  for (const key of Object.keys(value).sort()) sorted[key] = sortKeys(value[key]);
  return sorted;
}
