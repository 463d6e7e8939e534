/** Reads stacks as text: that is what errors from other processes bring, too. */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { CellRegistry } from "../cell-registry.ts";

/** One line of a stack. Without `position` it is a built-in function like `Array.map`. */
export interface StackFrame {
  /** Function name as V8 shows it, with `async` or `new`; empty for top-level code. */
  readonly functionName: string;
  readonly position?: { readonly fileName: string; readonly line: number; readonly column: number };
}

const FRAME = /^\s*at (?:(.*?) \()?(.+?)(?::(\d+):(\d+))?\)?$/;

/** The frames of a stack text, outermost last. Lines that are no frames are skipped. */
export function parseFrames(stack: string): StackFrame[] {
  return stack.split("\n").flatMap((line) => (/^\s+at /.test(line) ? (parseFrame(line) ?? []) : []));
}

function parseFrame(line: string): StackFrame | undefined {
  const match = FRAME.exec(line);
  if (match === null) return undefined;
  const [, name = "", place = "", lineNumber, column] = match;
  if (lineNumber === undefined || column === undefined) {
    return { functionName: line.trim().slice("at ".length) };
  }
  const isAsync = name === "" && place.startsWith("async ");
  const fileName = toPath(isAsync ? place.slice("async ".length) : place);
  return {
    functionName: isAsync ? "async" : name,
    position: { fileName, line: Number(lineNumber), column: Number(column) },
  };
}

/** A path for a `file:` URL, without the version that a reloaded module carries. */
export function toPath(place: string): string {
  if (!place.startsWith("file:")) return place;
  try {
    return fileURLToPath(place);
  } catch {
    return place;
  }
}

/** Does the frame belong to Node or to the kernel below `kernelDirectory`, not to anything the user knows? */
export function isInternal({ position }: StackFrame, kernelDirectory: string): boolean {
  if (position === undefined) return false;
  return position.fileName.startsWith("node:") || position.fileName.startsWith(kernelDirectory);
}

/** Where a frame is, in the user's words: `cell [7]:2:5`, or a path from the notebook's directory. */
export function describePosition(
  { fileName, line, column }: NonNullable<StackFrame["position"]>,
  registry: CellRegistry,
  directory: string,
): string {
  const cell = registry.cell(fileName);
  if (cell !== undefined) return `cell [${cell.executionCount}]:${line}:${column}`;
  const local = relative(directory, fileName);
  const shown = fileName.startsWith("/") && !local.startsWith("..") ? local : fileName;
  return `${shown}:${line}:${column}`;
}
