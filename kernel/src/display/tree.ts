/**
 * A value as a tree of lines, cut where it is deep or long. Getters are not run and proxies are not asked; an object that
 * brings its own way to print itself (`util.inspect.custom`) is one line, printed that way.
 */
import { inspect, types } from "node:util";
import {
  accessorText,
  classNameOf,
  dataProperty,
  hasNoParts,
  isIndexed,
  shorten,
  sizeOf,
  summarise,
} from "./summary.ts";

/** One line of a tree, and what folds out of it. */
export interface TreeNode {
  /** What leads to the value: a key, an index, `[[stack]]`. Absent for items of a set and for the root. */
  readonly key?: string;
  /** `key` is a key of a map, printed as a value. */
  readonly isMapKey?: boolean;
  /** How the text is coloured. */
  readonly kind: "string" | "number" | "keyword" | "text" | "note";
  /** For what folds out: its class and size, as `Map(3)`. */
  readonly type: string;
  /** The value in one line. */
  readonly text: string;
  readonly children: readonly TreeNode[];
}

/** Lines of a tree. The nearest to the root come first, so that one long branch does not take all. */
const MAX_NODES = 600;
const MAX_DEPTH = 10;
const MAX_CHILDREN = 100;
/** Of a list that is longer than {@link MAX_CHILDREN}, so many of the last items are shown. */
const TAIL_CHILDREN = 5;
const MAX_TEXT = 100;
/** Lines of multi-line strings and stacks. */
const MAX_LONG_TEXT = 4000;

interface OpenNode {
  key?: string;
  isMapKey?: boolean;
  kind: TreeNode["kind"];
  type: string;
  text: string;
  children: OpenNode[];
}

/** A branch that is still to be filled. */
interface Branch {
  readonly node: OpenNode;
  readonly value: object;
  /** The objects that contain this one, and itself. */
  readonly path: readonly object[];
}

/** What a branch holds: a value, or a line that says something about it. */
type Part = { readonly key?: string; readonly isMapKey?: boolean } & (
  | { readonly value: unknown }
  | { readonly note: string }
);

/** The tree of `value`; undefined for a value that has no parts to fold out. */
export function treeOf(value: unknown): TreeNode | undefined {
  if (!hasParts(value)) return undefined;
  const root = openNode(value);
  const queue: Branch[] = [{ node: root, value, path: [value] }];
  let nodes = 1;
  for (let branch = queue.shift(); branch !== undefined; branch = queue.shift()) {
    if (branch.path.length > MAX_DEPTH || nodes >= MAX_NODES) {
      branch.node.children.push(noteNode("… not shown: too far inside"));
      continue;
    }
    for (const part of partsOf(branch.value)) {
      nodes += 1;
      branch.node.children.push(childNode(part, branch.path, queue));
    }
  }
  return root;
}

/** Levels that fold out of `node`. */
export function treeDepth(node: TreeNode): number {
  return node.children.reduce((deepest, child) => Math.max(deepest, 1 + treeDepth(child)), 0);
}

function childNode(part: Part, path: readonly object[], queue: Branch[]): OpenNode {
  const key = part.key === undefined ? {} : { key: part.key };
  const isMapKey = part.isMapKey === undefined ? {} : { isMapKey: part.isMapKey };
  if ("note" in part) return { ...noteNode(part.note), ...key, ...isMapKey };
  const { value } = part;
  if (!hasParts(value)) return { ...openNode(value), ...key, ...isMapKey };
  if (path.includes(value)) return { ...noteNode("contains itself (circular)"), ...key, ...isMapKey };
  const node: OpenNode = { ...openNode(value), ...key, ...isMapKey };
  queue.push({ node, value, path: [...path, value] });
  return node;
}

function noteNode(text: string): OpenNode {
  return { kind: "note", type: "", text, children: [] };
}

function openNode(value: unknown): OpenNode {
  if (!hasParts(value)) return { kind: kindOf(value), type: "", text: leafText(value), children: [] };
  const label = labelOf(value);
  const { text } = summarise(value);
  // `Map(2) { … }` after the label `Map(2)` says it once.
  const rest = label !== "" && text.startsWith(`${label} `) ? text.slice(label.length + 1) : text;
  return { kind: "text", type: label, text: shorten(rest, MAX_TEXT), children: [] };
}

/** Class and size of what folds out: `Map(3)`, `Matrix`. An error's text says its class already. */
function labelOf(value: object): string {
  if (types.isNativeError(value)) return "";
  const name = classNameOf(value) ?? "object";
  if (isIndexed(value)) return `${name}(${sizeOf(value)})`;
  return name === "Object" ? "object" : name;
}

function kindOf(value: unknown): TreeNode["kind"] {
  if (typeof value === "string") return "string";
  if (typeof value === "number" || typeof value === "bigint") return "number";
  if (value === null || value === undefined || typeof value === "boolean" || typeof value === "symbol")
    return "keyword";
  return "text";
}

function leafText(value: unknown): string {
  if (typeof value === "string" && value.includes("\n") && value.length <= MAX_LONG_TEXT) return value;
  if (typeof value !== "object" || value === null || types.isProxy(value)) return summarise(value).text;
  try {
    const text = inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY, maxArrayLength: 10 });
    return shorten(text, MAX_TEXT);
  } catch {
    return summarise(value).text; // Its own way to print itself failed.
  }
}

function hasParts(value: unknown): value is object {
  if (typeof value !== "object" || value === null || types.isProxy(value)) return false;
  if (types.isNativeError(value)) return true;
  if (hasNoParts(value) || hasOwnPrint(value) || types.isAnyArrayBuffer(value) || types.isDataView(value)) return false;
  return sizeOf(value) !== 0 || Object.getOwnPropertySymbols(value).length > 0;
}

/** Whether the object or its class says how Node prints it. */
function hasOwnPrint(value: object): boolean {
  if (types.isUint8Array(value)) return false; // Buffer prints bytes in a line; as a tree they can be counted.
  for (let at: unknown = value; typeof at === "object" && at !== null; at = Object.getPrototypeOf(at)) {
    if (types.isProxy(at)) return false;
    if (typeof dataProperty(at, inspect.custom) === "function") return true;
  }
  return false;
}

function partsOf(value: object): readonly Part[] {
  if (types.isMap(value)) return mapParts(value);
  if (types.isSet(value)) return setParts(value);
  if (Array.isArray(value)) return arrayParts(value);
  if (types.isTypedArray(value)) return listParts(value.length, (index) => ({ value: value[index] }));
  if (types.isNativeError(value)) return errorParts(value);
  return propertyParts(value, Reflect.ownKeys(value));
}

/** The first and the last parts of a list, and between them how many are missing. */
function listParts(length: number, read: (index: number) => Part): Part[] {
  const at = (index: number): Part => ({ key: String(index), ...read(index) });
  if (length <= MAX_CHILDREN) return Array.from({ length }, (_, index) => at(index));
  const head = MAX_CHILDREN - TAIL_CHILDREN;
  return [
    ...Array.from({ length: head }, (_, index) => at(index)),
    { note: `… ${(length - MAX_CHILDREN).toLocaleString("en-US")} more` },
    ...Array.from({ length: TAIL_CHILDREN }, (_, index) => at(length - TAIL_CHILDREN + index)),
  ];
}

function arrayParts(array: readonly unknown[]): Part[] {
  const items = listParts(array.length, (index) => propertyPart(array, index) ?? { note: "empty" });
  if (array.length > MAX_NODES) return items; // Listing the other keys would mean listing all.
  const others = Reflect.ownKeys(array).filter((key) => typeof key === "symbol" || !/^(length|\d+)$/.test(key));
  return [...items, ...propertyParts(array, others)];
}

// Iterated with the built-in iterators: a subclass may have others.
function mapParts(map: ReadonlyMap<unknown, unknown>): Part[] {
  const parts: Part[] = [];
  for (const [key, value] of Map.prototype.entries.call(map)) {
    if (parts.length >= MAX_CHILDREN) return [...parts, moreNote((sizeOf(map) ?? 0) - parts.length)];
    parts.push({ key: shorten(summarise(key).text, 60), isMapKey: true, value });
  }
  return parts;
}

function setParts(set: ReadonlySet<unknown>): Part[] {
  const parts: Part[] = [];
  for (const value of Set.prototype.values.call(set)) {
    if (parts.length >= MAX_CHILDREN) return [...parts, moreNote((sizeOf(set) ?? 0) - parts.length)];
    parts.push({ value });
  }
  return parts;
}

function errorParts(error: Error): Part[] {
  const stack = dataProperty(error, "stack");
  const cause = propertyPart(error, "cause");
  const errors = propertyPart(error, "errors");
  const others = Object.keys(error).filter((key) => !["stack", "message", "cause", "errors", "name"].includes(key));
  return [
    ...(typeof stack === "string" ? [{ key: "stack", value: stack.slice(0, MAX_LONG_TEXT) }] : []),
    ...(cause === undefined ? [] : [{ key: "cause", ...cause }]),
    ...(errors === undefined ? [] : [{ key: "errors", ...errors }]),
    ...propertyParts(error, others),
  ];
}

function propertyParts(object: object, keys: readonly PropertyKey[]): Part[] {
  const visible = keys.filter((key) => Object.prototype.propertyIsEnumerable.call(object, key));
  const parts = visible.slice(0, MAX_CHILDREN).map((key): Part => {
    const name = typeof key === "symbol" ? `[${String(key)}]` : printKey(String(key));
    return { key: name, ...(propertyPart(object, key) ?? { note: "gone" }) };
  });
  return visible.length > MAX_CHILDREN ? [...parts, moreNote(visible.length - MAX_CHILDREN)] : parts;
}

/** A property's value, or a note that it is a getter; undefined when there is none. */
function propertyPart(object: object, key: PropertyKey): { value: unknown } | { note: string } | undefined {
  const descriptor = Object.getOwnPropertyDescriptor(object, key);
  if (descriptor === undefined) return undefined;
  return "value" in descriptor ? { value: descriptor.value as unknown } : { note: accessorText(descriptor) };
}

function printKey(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : shorten(inspect(key), 60);
}

function moreNote(count: number): Part {
  return { note: `… ${count.toLocaleString("en-US")} more` };
}
