/** Functions and instances of user classes, written into values. */
import { types } from "node:util";
import type { CodeWriter } from "../protocol/codec.ts";
import { Tag } from "../protocol/codec-format.ts";
import { isKeyElsewhere, nameOfClass } from "../protocol/codec-kinds.ts";
import type { ValueWriter } from "../protocol/codec-writer.ts";
import { epoch } from "./class-identity.ts";
import {
  type AnyFunction,
  describeFunction,
  type FunctionDescription,
  REVIVING,
  Untransportable,
  urlOf,
} from "./describe.ts";
import { inspectPrivateFields } from "./inspect.ts";
import { builtinName, exportName, importName, isRequire, type KnownName } from "./known.ts";
import { importingFile, moduleRef } from "./modules.ts";
import { formatPlace } from "./place.ts";
import type { CapturedVariable } from "./variables.ts";

/** Order is part of the format. */
export const FORMS = ["expression", "method", "getter", "setter", "class"] as const;

export const FunctionFlag = { strict: 1, hasOuterThis: 2, hasPrivates: 4, inheritsPrivates: 8 } as const;

export const VariableFlag = { eager: 1, reviving: 2 } as const;

/** Classes of the platform whose instances are no more than their properties. */
const PLAIN_PLATFORM_CLASSES: ReadonlySet<string> = new Set(["Object", "EventEmitter", "events"]);

/** What a capture learns beside the bytes. */
export interface CaptureLog {
  readonly descriptions: FunctionDescription[];
}

/** One variable among those with the same key. */
interface VariableGroup {
  readonly number: string;
  readonly value: unknown;
  readonly places: Set<string>;
}

/** State of the functions in one value. */
class FunctionWriter {
  readonly #groups = new Map<string, VariableGroup[]>();

  /** A name for the variable, equal for functions that share it. */
  variableKey(variable: CapturedVariable, place: string): string {
    if (variable.sharing === "always") return variable.key;
    const groups = this.#groups.get(variable.key) ?? [];
    this.#groups.set(variable.key, groups);
    let group = groups.find(
      ({ value, places }) =>
        Object.is(value, variable.value) && (variable.sharing === "same-value" || !places.has(place)),
    );
    if (group === undefined) {
      group = { number: `${variable.key} #${groups.length}`, value: variable.value, places: new Set() };
      groups.push(group);
    }
    group.places.add(place);
    return group.number;
  }
}

const functionWriters = new WeakMap<ValueWriter, FunctionWriter>();

function functionWriterOf(writer: ValueWriter): FunctionWriter {
  let functions = functionWriters.get(writer);
  if (functions === undefined) {
    functions = new FunctionWriter();
    functionWriters.set(writer, functions);
  }
  return functions;
}

/** @param log - collects the descriptions of all functions that were written. */
export function makeClosureWriter(log?: CaptureLog): CodeWriter {
  return {
    function: (fn, writer) => writeFunction(fn, writer, log),
    instance: (value, prototype, writer) => writeInstance(value, prototype, writer),
    known: (value, writer) => writeKnown(value, writer),
    epoch,
    fileOf: (fn) => urlOf(fn),
  };
}

function writeKnown(value: object, writer: ValueWriter): boolean {
  const name = builtinName(value) ?? importName(value);
  if (name === undefined) return false;
  writeName(name, writer);
  return true;
}

function writeName(name: KnownName, writer: ValueWriter): void {
  const { out } = writer;
  if (name.type === "global") out.byte(Tag.global);
  else if (name.type === "builtin") {
    out.byte(Tag.builtin);
    writer.text(name.module);
  } else {
    out.byte(Tag.imported);
    out.varint(writer.module(name.module));
  }
  out.varint(name.path.length);
  for (const part of name.path) writer.text(part);
}

function writeFunction(fn: AnyFunction, writer: ValueWriter, log: CaptureLog | undefined): void {
  if (writeKnown(fn, writer) || writeImporter(fn, writer)) return;
  if (types.isProxy(fn)) throw writer.refuse({ reason: "is a Proxy", advice: "Send the function behind it." });
  const description = describeOrRefuse(fn, writer);
  const exported = exportName(fn, description.url);
  if (exported !== undefined) return writeName(exported, writer);
  if (description.url.startsWith("node:")) {
    throw writer.refuse({
      kind: `function '${fn.name}'`,
      reason: "belongs to Node itself",
      advice: "Create or import it inside the task.",
    });
  }
  log?.descriptions.push(description);
  writeDescription(description, writer);
}

/** `require` and what stands for `import()` in a revived function: made again for the same file. */
function writeImporter(fn: AnyFunction, writer: ValueWriter): boolean {
  const file = importingFile(fn);
  if (file !== undefined) {
    writeCall(writer, moduleRef(new URL("modules.ts", import.meta.url).href, ""), ["importerFor"], file);
    return true;
  }
  if (!isRequire(fn)) return false;
  // The only thing a `require` tells about its file is where it would look first.
  const [folder = process.cwd()] = (fn as unknown as NodeJS.Require).resolve.paths("mobula") ?? [];
  const from = `${folder.replace(/[\\/]node_modules$/, "")}/[mobula].cjs`;
  writeCall(writer, { specifier: "node:module", parent: undefined }, ["createRequire"], from);
  return true;
}

function writeCall(
  writer: ValueWriter,
  module: Parameters<ValueWriter["module"]>[0],
  path: [string],
  argument: string,
): void {
  writer.out.byte(Tag.reduced);
  writer.out.varint(writer.module(module));
  writer.text(path[0]);
  writer.out.varint(1);
  writer.text(argument);
}

function describeOrRefuse(fn: AnyFunction, writer: ValueWriter): FunctionDescription {
  try {
    return describeFunction(fn);
  } catch (error) {
    if (error instanceof Untransportable) throw writer.refuse({ reason: error.what, advice: error.advice });
    throw error;
  }
}

function writeDescription(description: FunctionDescription, writer: ValueWriter): void {
  const { out } = writer;
  const { info, fn, url, line, column } = description;
  const owner = info.usesOuterThis ? outerThis(description, writer) : undefined;
  out.byte(Tag.function);
  out.byte(FORMS.indexOf(description.form));
  out.byte(
    (description.isStrict ? FunctionFlag.strict : 0) |
      (owner === undefined ? 0 : FunctionFlag.hasOuterThis) |
      (info.classParts?.hasPrivates ? FunctionFlag.hasPrivates : 0) |
      (info.kind === "class" && classesWithPrivates(fn, writer).length > 0 ? FunctionFlag.inheritsPrivates : 0),
  );
  for (const text of [description.text, description.name, url]) writer.text(text);
  out.varint(Math.max(0, line));
  out.varint(Math.max(0, column));
  if (info.kind === "class") {
    writer.text(description.origin);
    writer.hasClasses = true;
  }
  if (owner !== undefined) writer.value(owner);
  const late = writeVariables(description, writer);
  writer.defer(() => {
    for (const variable of late) writeVariable(variable, description, writer);
    writeOwnProperties(fn, description, writer);
  });
}

/** Names and numbers of all variables, values of those that are needed at once. @returns the others. */
function writeVariables(description: FunctionDescription, writer: ValueWriter): CapturedVariable[] {
  const { variables, url, line, column } = description;
  const functions = functionWriterOf(writer);
  const place = `${url}:${line}:${column}`;
  writer.out.varint(variables.length);
  for (const variable of variables) {
    writer.text(variable.name);
    // Synthetic names have no key: each is its own.
    const key =
      variable.key === ""
        ? `${variable.name} of ${place} ${description.origin}`
        : functions.variableKey(variable, place);
    writer.out.varint(writer.variable(key, variable.isAssigned));
    writer.out.byte(variable.value === REVIVING ? VariableFlag.reviving : variable.isEager ? VariableFlag.eager : 0);
  }
  for (const variable of variables) if (variable.isEager) writeVariable(variable, description, writer);
  return variables.filter((variable) => !variable.isEager);
}

function writeVariable(variable: CapturedVariable, description: FunctionDescription, writer: ValueWriter): void {
  if (variable.value === REVIVING) return; // The reader has its own.
  const { name, value, known, line } = variable;
  writer.path.push({ capture: name, place: formatPlace(description.url, line) });
  if (known === undefined) writer.value(value);
  else writeNameAsValue(known, writer);
  writer.path.pop();
}

/** Names of modules are objects of the value like others; they need a number of their own. */
function writeNameAsValue(name: KnownName, writer: ValueWriter): void {
  writer.anonymous();
  writeName(name, writer);
}

/** The instance whose `this` an arrow function of its class uses, when it is being written right now. */
function outerThis({ info, url, fn }: FunctionDescription, writer: ValueWriter): object {
  const { owner } = writer;
  if (info.kind === "arrow" && owner !== undefined) {
    const constructor = Object.getPrototypeOf(owner) as { constructor?: unknown } | null;
    for (
      let type = constructor?.constructor;
      typeof type === "function";
      type = Object.getPrototypeOf(type) as unknown
    ) {
      const text = Function.prototype.toString.call(type);
      if (text.startsWith("class") && text.includes(String(fn)) && urlOf(type as AnyFunction) === url) return owner;
    }
  }
  throw writer.refuse({
    reason: "uses `this` or `arguments` of the function around it",
    advice: "Put what it needs into a variable first, or pass it as an argument.",
  });
}

/** Properties of the function itself, then of its prototype, where they are not made with it. */
function writeOwnProperties(fn: AnyFunction, description: FunctionDescription, writer: ValueWriter): void {
  const methods = description.info.classParts?.methods;
  writer.properties(
    fn,
    Reflect.ownKeys(fn).filter((key) => isKeyElsewhere(key) && isOwnData(fn, key, methods)),
  );
  const prototype = Object.getOwnPropertyDescriptor(fn, "prototype")?.value as object | undefined;
  if (typeof prototype !== "object" || prototype === null) return writer.properties({}, []);
  const hasComputedKeys = description.info.classParts?.hasComputedKeys ?? false;
  const extra = Reflect.ownKeys(prototype).filter(
    (key) =>
      key !== "constructor" &&
      isKeyElsewhere(key) &&
      !(hasComputedKeys && !isNamed(key, methods)) &&
      !isMethod(prototype, key, methods),
  );
  writer.properties(prototype, extra);
}

const MADE_WITH_FUNCTION: ReadonlySet<PropertyKey> = new Set(["length", "name", "prototype", "arguments", "caller"]);

function isOwnData(
  fn: AnyFunction,
  key: PropertyKey,
  methods: ReadonlyMap<string, readonly string[]> | undefined,
): boolean {
  return !MADE_WITH_FUNCTION.has(key) && !isMethod(fn, key, methods);
}

function isNamed(key: PropertyKey, methods: ReadonlyMap<string, readonly string[]> | undefined): boolean {
  return typeof key === "string" && methods?.has(key) === true;
}

/** Is the property one of the methods in the class's text, and not something that replaced it (a decorator's work)? */
function isMethod(
  holder: object,
  key: PropertyKey,
  methods: ReadonlyMap<string, readonly string[]> | undefined,
): boolean {
  const texts = typeof key === "string" ? methods?.get(key) : undefined;
  if (texts === undefined) return false;
  const descriptor: object = Object.getOwnPropertyDescriptor(holder, key) ?? {};
  return Object.values(descriptor)
    .filter((part) => typeof part === "function")
    .every((part) => texts.includes(Function.prototype.toString.call(part)));
}

/** How instances are made: 1 and a class, or 0 and the prototype object. */
function writeInstance(value: object, prototype: object, writer: ValueWriter): void {
  refusePlatformClass(prototype, writer);
  const constructor = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value as AnyFunction | undefined;
  const isClass =
    typeof constructor === "function" && Object.getOwnPropertyDescriptor(constructor, "prototype")?.value === prototype;
  writer.out.byte(isClass ? 1 : 0);
  if (!isClass) return writer.value(prototype);
  writer.path.push({ capture: `class ${constructor.name}`, place: "" });
  writer.value(constructor);
  const withPrivates = privateClasses(constructor, writer);
  refusePrivatesOfModules(withPrivates, writer);
  writer.path.pop();
  writer.out.varint(withPrivates.length);
  if (withPrivates.length === 0) return;
  const fields = inspectPrivateFields(value);
  for (const { fn } of withPrivates) writer.value(fn);
  writer.defer(() => {
    for (const { info } of withPrivates) writePrivates(info.classParts?.privateFields ?? [], fields, writer);
  });
}

function writePrivates(
  names: readonly string[],
  fields: { name: string; value: unknown }[],
  writer: ValueWriter,
): void {
  writer.out.varint(names.length);
  for (const name of names) {
    // Base classes come first, and so do their fields: the first of the name is the class's own.
    const index = fields.findIndex((field) => field.name === name);
    const [field] = index < 0 ? [] : fields.splice(index, 1);
    writer.text(name);
    writer.child(name, field?.value);
  }
}

/** Only text can be made to give its private fields away; a class that travels by name keeps them. */
function refusePrivatesOfModules(classes: readonly FunctionDescription[], writer: ValueWriter): void {
  for (const { fn, url } of classes) {
    if (importName(fn) === undefined && exportName(fn, url) === undefined) continue;
    throw writer.refuse({
      kind: fn.name,
      reason: "has private fields and a class that comes from a module",
      advice: "Create it inside the task, or send the data it is made from.",
    });
  }
}

/** Classes of the chain, base first, whose instances have private parts and which travel as text. */
function classesWithPrivates(constructor: AnyFunction, writer: ValueWriter): FunctionDescription[] {
  return privateClasses(constructor, writer).filter(({ fn }) => importName(fn) === undefined);
}

function privateClasses(constructor: AnyFunction, writer: ValueWriter): FunctionDescription[] {
  const found: FunctionDescription[] = [];
  for (let type: AnyFunction = constructor; ; type = Object.getPrototypeOf(type) as AnyFunction) {
    if (typeof type !== "function" || builtinName(type) !== undefined) return found.toReversed();
    const text = Function.prototype.toString.call(type);
    if (!text.startsWith("class") || !text.includes("#")) continue;
    const description = describeOrRefuse(type, writer);
    if (!description.info.classParts?.hasPrivates) continue;
    found.push(description);
  }
}

/** Instances of platform classes (sockets, streams, abort signals) hold more than their properties show. */
function refusePlatformClass(prototype: object, writer: ValueWriter): void {
  for (let level: object | null = prototype; level !== null; level = Object.getPrototypeOf(level) as object | null) {
    const constructor: unknown = Object.getOwnPropertyDescriptor(level, "constructor")?.value;
    const name = typeof constructor === "function" ? builtinName(constructor) : undefined;
    if (name === undefined || name.type === "import") continue;
    const label = name.path.at(-1) ?? (name.type === "builtin" ? name.module : "");
    if (PLAIN_PLATFORM_CLASSES.has(label) || isContentClass(label)) return;
    const kind = nameOfClass(prototype);
    throw writer.refuse({
      kind: kind === label ? kind : `${kind}, a ${label}`,
      reason: "exists only in this process",
      advice: "Create it inside the task or in an actor.",
    });
  }
}

/** Built-in classes whose content the codec writes. */
function isContentClass(name: string): boolean {
  return /^(Array|Map|Set|Date|RegExp|ArrayBuffer|DataView|\w+Array|%TypedArray%|Buffer|Number|String|Boolean|BigInt|Error|URL|URLSearchParams|Symbol)$/.test(
    name,
  );
}
