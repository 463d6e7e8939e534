/** Turns what a cell threw into Jupyter's error message: what happened, where in the user's code, and how it got there. */
import { readFileSync } from "node:fs";
import { type InspectOptions, inspect } from "node:util";
import { bold, cyan, dim } from "../../traceback/ansi.ts";
import { codeFrame } from "../../traceback/code-frame.ts";
import type { CellRegistry } from "../cell-registry.ts";
import type { CellError } from "../session.ts";
import { describePosition, isInternal, parseFrames, type StackFrame } from "./stack-frames.ts";

const MAX_FRAMES = 25;
const MAX_NESTED_ERRORS = 5;
const MAX_DEPTH = 4;

/** Where errors are explained: which cells exist, and what is not the user's. */
export interface TracebackContext {
  readonly registry: CellRegistry;
  /** The notebook's directory. */
  readonly directory: string;
  /** Where the kernel's own code lies; its frames are left out. */
  readonly kernelDirectory: string;
}

/** What Jupyter shows for a cell that the user stopped. */
export const INTERRUPTED: CellError = {
  ename: "KeyboardInterrupt",
  evalue: "Execution interrupted",
  traceback: [`${bold("KeyboardInterrupt")}: Execution interrupted`],
};

/** Describe a thrown value of any kind; never throws itself. */
export function toCellError(thrown: unknown, context: TracebackContext): CellError {
  try {
    const { name, message } = headline(thrown);
    return {
      ename: name,
      evalue: message,
      traceback: describe(thrown, context, { errors: new Set(), stacks: new Set() }),
    };
  } catch {
    const ename = "Error";
    const evalue = "an error whose properties cannot be read";
    return { ename, evalue, traceback: [`${bold(ename)}: ${evalue}`] };
  }
}

/** What a traceback holds already. */
interface Shown {
  readonly errors: Set<unknown>;
  readonly stacks: Set<string>;
}

function describe(thrown: unknown, context: TracebackContext, shown: Shown): string[] {
  const { name, message } = headline(thrown);
  const lines = `${bold(name)}: ${message}`.split("\n");
  if (!isErrorLike(thrown)) return lines;
  shown.errors.add(thrown);
  const properties = describeProperties(thrown);
  if (properties !== undefined) lines.push(...properties.split("\n"));
  const stack = describeStack(thrown, context);
  // An error that wraps another often has the same stack: once is enough.
  if (!shown.stacks.has(stack.join("\n"))) lines.push(...stack);
  shown.stacks.add(stack.join("\n"));
  lines.push(...describeNested(thrown, context, shown));
  return lines;
}

/** Name and message of a thrown value. */
function headline(thrown: unknown): { name: string; message: string } {
  if (!isErrorLike(thrown)) {
    return { name: thrown === null ? "null" : typeof thrown, message: `thrown: ${inspectSafely(thrown)}` };
  }
  const name = read(thrown, "name");
  const message = read(thrown, "message");
  return {
    name: typeof name === "string" && name !== "" ? name : "Error",
    message: typeof message === "string" ? message : inspectSafely(message),
  };
}

function describeStack(error: object, context: TracebackContext): string[] {
  const stack = read(error, "stack");
  const frames = parseFrames(typeof stack === "string" ? stack : "").filter(
    (frame) => !isInternal(frame, context.kernelDirectory),
  );
  // Built-in functions that called nothing of the user's say nothing.
  const end = frames.findLastIndex((frame) => frame.position !== undefined) + 1;
  const shown = frames.slice(0, Math.min(end, MAX_FRAMES));
  const lines = shown.map((frame) => describeFrame(frame, context));
  if (end > MAX_FRAMES) lines.push(dim(`    … ${end - MAX_FRAMES} more`));
  return [...sourceFrame(shown, context), ...lines];
}

function describeFrame({ functionName, position }: StackFrame, { registry, directory }: TracebackContext): string {
  if (position === undefined) return dim(`    at ${functionName}`);
  const place = describePosition(position, registry, directory);
  const isUsers = registry.cell(position.fileName) !== undefined || isLocalFile(position.fileName, directory);
  const shownPlace = isUsers ? cyan(place) : dim(place);
  if (functionName === "" || functionName === "async") {
    return `${dim(`    at ${functionName === "" ? "" : "async "}`)}${shownPlace}`;
  }
  return `${dim("    at ")}${functionName} ${dim("(")}${shownPlace}${dim(")")}`;
}

/** The code at the first frame in a cell or in a file beside the notebook. */
function sourceFrame(frames: readonly StackFrame[], { registry, directory }: TracebackContext): string[] {
  for (const { position } of frames) {
    if (position === undefined) continue;
    const source = registry.cell(position.fileName)?.source ?? readLocalFile(position.fileName, directory);
    if (source !== undefined) return codeFrame(source, position);
  }
  return [];
}

function readLocalFile(fileName: string, directory: string): string | undefined {
  if (!isLocalFile(fileName, directory)) return undefined;
  try {
    return readFileSync(fileName, "utf8");
  } catch {
    return undefined;
  }
}

function isLocalFile(fileName: string, directory: string): boolean {
  return fileName.startsWith(`${directory}/`) && !fileName.includes("/node_modules/");
}

/** `cause`, and the errors of an AggregateError. */
function describeNested(error: object, context: TracebackContext, shown: Shown): string[] {
  const lines: string[] = [];
  const add = (label: string, nested: unknown): void => {
    if (shown.errors.has(nested) || shown.errors.size > MAX_DEPTH + MAX_NESTED_ERRORS) return;
    const [head = "", ...rest] = describe(nested, context, shown);
    lines.push(`${dim(`[${label}]`)} ${head}`, ...rest);
  };
  const errors = read(error, "errors");
  if (Array.isArray(errors)) {
    for (const [index, nested] of errors.slice(0, MAX_NESTED_ERRORS).entries()) add(`errors ${index}`, nested);
    if (errors.length > MAX_NESTED_ERRORS) lines.push(dim(`… ${errors.length - MAX_NESTED_ERRORS} more errors`));
  }
  const cause = read(error, "cause");
  if (cause !== undefined) add("cause", cause);
  return lines;
}

/** What else an error carries, like `code` and `path` of a failed file operation. */
function describeProperties(error: object): string | undefined {
  const hidden = new Set(["name", "message", "stack", "cause", "errors"]);
  const own = Object.entries(Object.getOwnPropertyDescriptors(error)).filter(
    ([name, { enumerable, value }]) => enumerable === true && value !== undefined && !hidden.has(name),
  );
  if (own.length === 0) return undefined;
  const properties = Object.fromEntries(own.map(([name, { value }]) => [name, value as unknown]));
  return dim(inspectSafely(properties, { depth: 1, maxStringLength: 200, maxArrayLength: 10, breakLength: 110 }));
}

/** Errors of other realms and libraries count: anything with a message and a stack. */
function isErrorLike(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  if (value instanceof Error) return true;
  return typeof read(value, "message") === "string" && typeof read(value, "stack") === "string";
}

/** A property whose getter may throw. */
function read(object: object, key: string): unknown {
  try {
    return (object as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}

function inspectSafely(value: unknown, options: InspectOptions = { depth: 2, maxStringLength: 2000 }): string {
  try {
    return inspect(value, options);
  } catch {
    return "a value that cannot be shown";
  }
}
