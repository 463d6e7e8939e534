/** Functions and instances of user classes, read from values. */
import { SerializationError } from "../errors.ts";
import type { CodeReader } from "../protocol/codec.ts";
import { Tag } from "../protocol/codec-format.ts";
import type { InstanceMaker, ValueReader } from "../protocol/codec-reader.ts";
import { classHere, keepRevived } from "./class-identity.ts";
import { PRIVATE_SETTER } from "./class-text.ts";
import { type CompiledFunction, compileFunction, type VariableCell } from "./compile.ts";
import { HIDDEN_INTRINSICS, rememberExports } from "./known.ts";
import { importModule } from "./modules.ts";
import { FORMS, FunctionFlag, VariableFlag } from "./writer.ts";

type Class = new (...args: unknown[]) => object;

interface Variable {
  readonly name: string;
  readonly number: number;
  readonly flag: number;
}

/** Shared variables of the functions in one value, by number. */
const cellsOf = new WeakMap<ValueReader, Map<number, VariableCell>>();

/** Sets a private field of an instance; what a revived class leaves behind. */
type PrivateSetter = (instance: object, name: string, value: unknown) => void;

const privateSetters = new WeakMap<object, PrivateSetter>();

/** While `on`, constructors of revived classes make private fields and do nothing else. */
const reviving = { on: false };

export const closureReader: CodeReader = {
  read: (tag, number, reader) => {
    if (tag === Tag.function) return readFunction(number, reader);
    return reader.register(number, readName(tag, reader));
  },
  instance: readInstance,
  importModule: async (specifier, parent) => {
    const module = await importModule(specifier, parent);
    if (typeof module === "object" && module !== null) rememberExports(module, { specifier, parent });
    return module;
  },
};

function readName(tag: number, reader: ValueReader): unknown {
  const { input } = reader;
  if (tag === Tag.imported) {
    const module = reader.module(input.varint());
    const path = readPath(reader);
    return follow(module, path, "a module");
  }
  if (tag === Tag.builtin) {
    const name = reader.text();
    return follow(process.getBuiltinModule(name), readPath(reader), `node:${name}`);
  }
  const path = readPath(reader);
  const hidden = HIDDEN_INTRINSICS[path[0] ?? ""];
  return hidden === undefined
    ? follow(globalThis, path, "the global object")
    : follow(hidden, path.slice(1), "a built-in");
}

function readPath(reader: ValueReader): string[] {
  const path: string[] = [];
  for (let count = reader.input.varint(); count > 0; count--) path.push(reader.text());
  return path;
}

function follow(root: unknown, path: readonly string[], what: string): unknown {
  let value = root;
  for (const [index, name] of path.entries()) {
    if (value === undefined || value === null || !(name in Object(value))) {
      throw new SerializationError(
        `'${path.slice(0, index + 1).join(".")}' is not there in ${what} on this side. Use the same versions on both sides.`,
      );
    }
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

function readFunction(number: number, reader: ValueReader): unknown {
  const { input } = reader;
  const form = FORMS[input.byte()] ?? "expression";
  const flags = input.byte();
  const [text, name, url] = [reader.text(), reader.text(), reader.text()];
  const [line, column] = [input.varint(), input.varint()];
  const origin = form === "class" ? reader.text() : undefined;
  const outerThis = (flags & FunctionFlag.hasOuterThis) === 0 ? undefined : reader.value();
  const variables = readVariables(reader);
  const eager = new Map<string, unknown>();
  for (const { name, flag } of variables) {
    if (flag === VariableFlag.reviving) eager.set(name, reviving);
    else if (flag === VariableFlag.eager) eager.set(name, reader.value());
  }
  const late = variables.filter(({ flag }) => flag === 0);
  const hasPrivates = (flags & FunctionFlag.hasPrivates) !== 0;
  // A class that came from here, or came before, is that very class: instances stay instances of it.
  const inheritsPrivates = (flags & FunctionFlag.inheritsPrivates) !== 0;
  const existing = origin === undefined ? undefined : classHere(origin, reader.epoch, inheritsPrivates);
  if (existing !== undefined) {
    reader.register(number, existing);
    reader.defer(() => skipLateParts(late.length, reader));
    return existing;
  }
  const cells = cellsFor(late, reader);
  const isStrict = (flags & FunctionFlag.strict) !== 0;
  reader.willRunCode();
  const compiled = compileFunction(
    { form, text, name, url, line, column, isStrict },
    { eager, late: late.filter((variable) => !cells.has(variable.name)).map((variable) => variable.name), cells },
    outerThis,
  );
  reader.register(number, compiled.fn);
  if (hasPrivates) takePrivateSetter(compiled.fn);
  if (origin !== undefined) keepRevived(compiled.fn, origin, reader.epoch);
  reader.defer(() => readLateParts(compiled, late, cells, reader));
  return compiled.fn;
}

function readVariables(reader: ValueReader): Variable[] {
  const variables: Variable[] = [];
  for (let count = reader.input.varint(); count > 0; count--) {
    const name = reader.text();
    variables.push({ name, number: reader.input.varint(), flag: reader.input.byte() });
  }
  return variables;
}

/** Cells of those variables that some function assigns. */
function cellsFor(variables: readonly Variable[], reader: ValueReader): Map<string, VariableCell> {
  let shared = cellsOf.get(reader);
  if (shared === undefined) {
    shared = new Map();
    cellsOf.set(reader, shared);
  }
  const cells = new Map<string, VariableCell>();
  for (const { name, number } of variables) {
    if (!reader.isAssigned(number)) continue;
    const cell = shared.get(number) ?? { value: undefined };
    shared.set(number, cell);
    cells.set(name, cell);
  }
  return cells;
}

function readLateParts(
  { fn, bind }: CompiledFunction,
  variables: readonly Variable[],
  cells: ReadonlyMap<string, VariableCell>,
  reader: ValueReader,
): void {
  const values: unknown[] = [];
  for (const { name } of variables) {
    const value = reader.value();
    const cell = cells.get(name);
    if (cell === undefined) values.push(value);
    else cell.value = value;
  }
  bind(values);
  readProperties(fn, reader);
  readProperties((Object.getOwnPropertyDescriptor(fn, "prototype")?.value as object | undefined) ?? {}, reader);
}

function skipLateParts(count: number, reader: ValueReader): void {
  for (let index = 0; index < count; index++) reader.value();
  readProperties({}, reader);
  readProperties({}, reader);
}

function readProperties(target: object, reader: ValueReader): void {
  const tag = reader.input.byte();
  if (tag !== Tag.properties)
    throw new SerializationError("The encoded function is damaged: its properties are missing.");
  reader.properties(target);
}

function takePrivateSetter(type: object): void {
  const setter = Object.getOwnPropertyDescriptor(type, PRIVATE_SETTER)?.value as PrivateSetter;
  Reflect.deleteProperty(type, PRIVATE_SETTER);
  privateSetters.set(type, setter);
}

function readInstance(reader: ValueReader): InstanceMaker {
  const isOfClass = reader.input.byte() === 1;
  if (!isOfClass) return { prototype: reader.value() as object };
  const type = reader.value() as Class;
  const prototype = type.prototype as object;
  const withPrivates: Class[] = [];
  for (let count = reader.input.varint(); count > 0; count--) withPrivates.push(reader.value() as Class);
  if (withPrivates.length === 0) return { prototype };
  let instance: object | undefined;
  reader.defer(() => {
    for (const owner of withPrivates) readPrivates(instance as object, owner, reader);
  });
  return {
    prototype,
    construct: () => {
      instance = constructPrivates(type, withPrivates);
      return instance;
    },
  };
}

function readPrivates(instance: object, owner: Class, reader: ValueReader): void {
  const set = privateSetters.get(owner);
  for (let count = reader.input.varint(); count > 0; count--) {
    const name = reader.text();
    set?.(instance, name, reader.value());
  }
}

/**
 * An instance with all private fields and nothing else. Each class adds its own while its constructor runs, which does no
 * more than that now; for derived classes the instance comes from a stand-in for their base.
 */
function constructPrivates(type: Class, withPrivates: readonly Class[]): object {
  reviving.on = true;
  try {
    const [first, ...rest] = withPrivates as [Class, ...Class[]];
    const isBase = Object.getPrototypeOf(first) === Function.prototype;
    const instance = isBase
      ? Reflect.construct<[], object>(first, [], type)
      : addPrivates(first, emptyInstance(first, type.prototype as object));
    for (const next of rest) addPrivates(next, instance);
    for (const key of Reflect.ownKeys(instance)) Reflect.deleteProperty(instance, key);
    return instance;
  } finally {
    reviving.on = false;
  }
}

function addPrivates(type: Class, instance: object): object {
  const base: unknown = Object.getPrototypeOf(type);
  Object.setPrototypeOf(type, function () {
    return instance;
  });
  try {
    Reflect.construct(type, []);
  } finally {
    Object.setPrototypeOf(type, base as object);
  }
  return instance;
}

/** A Map, Set or plain object, after the built-in class that the chain ends in. */
function emptyInstance(type: Class, prototype: object): object {
  for (let base: unknown = type; typeof base === "function"; base = Object.getPrototypeOf(base)) {
    if (base === Map || base === Set) return Object.setPrototypeOf(new (base as MapConstructor)(), prototype) as object;
  }
  return Object.create(prototype) as object;
}
