/** What the front end can expand: scopes, objects, and parts of large ones. References hold while the code is paused. */
import type { CellBook } from "./cell-book.ts";
import { type Conversation, DebugRequestError, inspect } from "./conversation.ts";
import type { CallFrame, DapVariable, JsonObject, PropertyDescriptor, RemoteObject } from "./protocol.ts";
import {
  countOwnKeys,
  pickValues,
  readProperty,
  takeElements,
  takeEntries,
  takeMembers,
  takeProperties,
  writeProperty,
} from "./sent-functions.ts";
import { describeValue, sizeOf, typeOf } from "./values.ts";

/** Objects of V8 that are held while code is paused. */
export const PAUSE_GROUP = "mobula-pause";
/** Objects held for the list of variables of code that is not paused. */
export const GLOBALS_GROUP = "mobula-globals";

/** More elements than this are shown in ranges. */
const PAGE = 100;

/** What takes a part of an object, by the kind that V8 names. */
const SLICERS: Readonly<Record<string, SentFunction>> = {
  map: takeEntries,
  object: takeProperties,
  set: takeMembers,
};

/** Names in a cell's scopes that the user did not write (`language/cell/compile-cell.ts`). */
const OWN_NAMES: ReadonlySet<string> = new Set(["$resources", "$use", "$failure"]);

type SentFunction = (...parameters: never[]) => unknown;

type Handle =
  | { readonly type: "object"; readonly remote: RemoteObject; readonly group: string }
  /** Elements `start` to `start + count` of an object with `sizeOf` or many properties. */
  | { readonly type: "range"; readonly remote: RemoteObject; readonly group: string; readonly range: Range }
  | { readonly type: "getter"; readonly remote: RemoteObject; readonly group: string; readonly name: string }
  /** Scopes that are shown as one, the innermost first. */
  | { readonly type: "scope"; readonly objects: readonly RemoteObject[]; readonly receiver?: RemoteObject }
  | { readonly type: "globals"; readonly group: string };

interface Range {
  readonly start: number;
  readonly count: number;
}

interface Named {
  readonly name: string;
  readonly remote: RemoteObject;
}

export class Variables {
  readonly #cells: CellBook;
  readonly #handles = new Map<number, Handle>();
  readonly #nextReference: () => number;
  /** JupyterLab's tree shows the type in place of the value, unless there is none. */
  hasTypes = true;

  /** @param nextReference - a number that no other thread has for its variables. */
  constructor(cells: CellBook, nextReference: () => number) {
    this.#cells = cells;
    this.#nextReference = nextReference;
  }

  add(handle: Handle): number {
    const reference = this.#nextReference();
    this.#handles.set(reference, handle);
    return reference;
  }

  has(reference: unknown): boolean {
    return typeof reference === "number" && this.#handles.has(reference);
  }

  /** The code goes on: V8 forgets the objects, and what was shown may have changed. */
  clear(): void {
    this.#handles.clear();
  }

  /** The children of a reference. */
  *list(reference: number, paging: Partial<Range> = {}): Conversation<DapVariable[]> {
    const handle = this.#handles.get(reference);
    if (handle === undefined) throw new DebugRequestError("These variables are gone: the code went on.");
    switch (handle.type) {
      case "globals":
        return yield* this.globals(handle.group);
      case "scope":
        return (yield* this.scope(handle.objects, handle.receiver)).map((named) => this.#showNamed(named, PAUSE_GROUP));
      case "getter":
        return [this.#show({ name: handle.name, remote: yield* this.#callGetter(handle) }, handle.group)];
      case "range":
        return yield* this.#elements(handle.remote, handle.range, handle.group);
      case "object":
        return yield* this.#object(handle.remote, handle.group, paging);
    }
  }

  /** Give a child of a reference another value. */
  *set(reference: number, name: string, value: RemoteObject, frame: CallFrame): Conversation<void> {
    const handle = this.#handles.get(reference);
    const newValue = toArgument(value);
    if (handle?.type === "scope") {
      const scopeNumber = yield* findScope(frame, handle.objects, name);
      const { callFrameId } = frame;
      yield* inspect("Debugger.setVariableValue", { scopeNumber, variableName: name, newValue, callFrameId });
    } else if (handle?.type === "globals") {
      const globalName = [...this.#cells.names].find(([, shown]) => shown === name)?.[0];
      if (globalName === undefined) throw new DebugRequestError(`There is no variable '${name}' here.`);
      const { result } = yield* inspect<{ result: RemoteObject }>("Runtime.evaluate", { expression: "globalThis" });
      yield* callWith(result, writeProperty, [{ value: globalName }, newValue], PAUSE_GROUP);
    } else if (handle?.type === "object" && handle.remote.subtype !== "map" && handle.remote.subtype !== "set") {
      yield* callWith(handle.remote, writeProperty, [{ value: name }, newValue], PAUSE_GROUP);
    } else {
      throw new DebugRequestError(`'${name}' cannot be set here.`);
    }
  }

  /** The variables of scopes; an inner one hides those of its name in outer ones. */
  *scope(objects: readonly RemoteObject[], receiver?: RemoteObject): Conversation<Named[]> {
    const found = new Map<string, Named>();
    for (const { objectId } of objects) {
      if (objectId === undefined) continue;
      for (const { name, value } of yield* ownProperties(objectId)) {
        if (value !== undefined && !found.has(name) && !OWN_NAMES.has(name)) found.set(name, { name, remote: value });
      }
    }
    const isShown = receiver !== undefined && receiver.type !== "undefined" && receiver.className !== "global";
    return [...(isShown ? [{ name: "this", remote: receiver }] : []), ...found.values()];
  }

  /** The names that cells have declared and that hold a value. */
  *globals(group: string): Conversation<DapVariable[]> {
    const names = this.#cells.names;
    const expression = `(${pickValues.toString()})(${JSON.stringify([...names.keys()])})`;
    const { result } = yield* inspect<{ result: RemoteObject }>("Runtime.evaluate", {
      expression,
      objectGroup: group,
      silent: true,
    });
    if (result.objectId === undefined) return [];
    const properties = yield* ownProperties(result.objectId);
    return properties.flatMap(({ name, value }) =>
      value === undefined ? [] : [this.#showNamed({ name: names.get(name) ?? name, remote: value }, group)],
    );
  }

  /** A variable that an expression can name. */
  #showNamed(named: Named, group: string): DapVariable {
    return { ...this.#show(named, group), evaluateName: named.name };
  }

  /** A value as the front end shows it. */
  #show({ name, remote }: Named, group: string): DapVariable {
    const size = sizeOf(remote);
    return {
      name,
      value: describeValue(remote),
      ...(this.hasTypes ? { type: typeOf(remote) } : {}),
      variablesReference: isExpandable(remote) ? this.add({ type: "object", remote, group }) : 0,
      ...(size === undefined ? {} : { indexedVariables: size }),
    };
  }

  /** The result of an evaluation. */
  result(remote: RemoteObject, group: string): JsonObject {
    const { name: _name, value: result, ...rest } = this.#show({ name: "", remote }, group);
    return { result, ...rest };
  }

  *#object(remote: RemoteObject, group: string, paging: Partial<Range>): Conversation<DapVariable[]> {
    const { objectId } = remote;
    if (objectId === undefined) return [];
    const size = sizeOf(remote) ?? (remote.subtype === undefined ? yield* countProperties(objectId) : 0);
    if (paging.count !== undefined && paging.count > 0) {
      return yield* this.#elements(remote, { start: paging.start ?? 0, count: paging.count }, group);
    }
    if (size > PAGE) return this.#ranges(remote, { start: 0, count: size }, group);
    if (sizeOf(remote) !== undefined) return yield* this.#elements(remote, { start: 0, count: size }, group);
    return yield* this.#properties(remote, objectId, group);
  }

  /** At most {@link PAGE} ranges; those of a very large array have ranges in turn. */
  #ranges(remote: RemoteObject, { start, count }: Range, group: string): DapVariable[] {
    let step = PAGE;
    while (step * PAGE < count) step *= PAGE;
    const ranges: DapVariable[] = [];
    for (let from = start; from < start + count; from += step) {
      const range = { start: from, count: Math.min(step, start + count - from) };
      ranges.push({
        name: `[${from} … ${from + range.count - 1}]`,
        value: `${range.count} entries`,
        variablesReference: this.add({ type: "range", remote, group, range }),
        indexedVariables: range.count,
        presentationHint: { kind: "virtual" },
      });
    }
    return ranges;
  }

  *#elements(remote: RemoteObject, range: Range, group: string): Conversation<DapVariable[]> {
    if (range.count > PAGE) return this.#ranges(remote, range, group);
    const take = SLICERS[remote.subtype ?? "object"] ?? takeElements;
    const slice = yield* call(remote, take, [range.start, range.count], group);
    if (slice.objectId === undefined) return [];
    const isNamed = remote.subtype === undefined || remote.subtype === "map";
    const properties = (yield* ownProperties(slice.objectId)).filter(({ name }) => isNamed || /^\d+$/.test(name));
    return properties.flatMap((property) => {
      const name = isNamed ? property.name : String(range.start + Number(property.name));
      return this.#property({ ...property, name }, remote, group);
    });
  }

  *#properties(remote: RemoteObject, objectId: string, group: string): Conversation<DapVariable[]> {
    const answer = yield* inspect<{
      result: readonly PropertyDescriptor[];
      privateProperties?: readonly PropertyDescriptor[];
      internalProperties?: readonly PropertyDescriptor[];
    }>("Runtime.getProperties", { objectId, ownProperties: true, generatePreview: true });
    const inherited = isInstance(remote) ? yield* inheritedGetters(objectId) : [];
    const own = answer.result.filter(({ name }) => name !== "__proto__");
    const shown = [...own, ...(answer.privateProperties ?? []), ...inherited];
    const state = (answer.internalProperties ?? []).filter(({ name }) => name.startsWith("[[Promise"));
    return [...shown, ...state].flatMap((property) => this.#property(property, remote, group));
  }

  #property({ name, value, get }: PropertyDescriptor, owner: RemoteObject, group: string): DapVariable[] {
    if (value !== undefined) return [this.#show({ name, remote: value }, group)];
    if (get === undefined || get.type === "undefined") return [];
    const reference = this.add({ type: "getter", remote: owner, group, name });
    const presentationHint = { lazy: true };
    return [{ name, value: "(getter)", variablesReference: reference, presentationHint }];
  }

  *#callGetter({ remote, name, group }: Extract<Handle, { type: "getter" }>): Conversation<RemoteObject> {
    return yield* call(remote, readProperty, [name], group);
  }
}

function isExpandable(remote: RemoteObject): boolean {
  if (remote.objectId === undefined) return false;
  return remote.type === "object" && remote.subtype !== "date" && remote.subtype !== "regexp";
}

/** An object whose class may have getters that are worth seeing. */
function isInstance({ subtype, className = "Object" }: RemoteObject): boolean {
  return subtype === undefined && className !== "Object";
}

function* ownProperties(objectId: string): Conversation<readonly PropertyDescriptor[]> {
  const params = { objectId, ownProperties: true, generatePreview: true };
  const { result } = yield* inspect<{ result: readonly PropertyDescriptor[] }>("Runtime.getProperties", params);
  return result.filter(({ name }) => name !== "__proto__");
}

function* inheritedGetters(objectId: string): Conversation<readonly PropertyDescriptor[]> {
  const params = { objectId, ownProperties: false, accessorPropertiesOnly: true };
  const { result } = yield* inspect<{ result: readonly PropertyDescriptor[] }>("Runtime.getProperties", params);
  return result.filter(({ name, isOwn }) => isOwn !== true && name !== "__proto__");
}

function* countProperties(objectId: string): Conversation<number> {
  const { result } = yield* inspect<{ result: RemoteObject }>("Runtime.callFunctionOn", {
    objectId,
    functionDeclaration: countOwnKeys.toString(),
    arguments: [{ objectId }],
    silent: true,
    returnByValue: true,
  });
  return typeof result.value === "number" ? result.value : 0;
}

/** Call a function of ours on an object of the session. */
function* call(
  remote: RemoteObject,
  action: SentFunction,
  parameters: readonly unknown[],
  group: string,
): Conversation<RemoteObject> {
  return yield* callWith(
    remote,
    action,
    parameters.map((value) => ({ value })),
    group,
  );
}

function* callWith(
  { objectId }: RemoteObject,
  action: SentFunction,
  parameters: readonly JsonObject[],
  group: string,
): Conversation<RemoteObject> {
  const { result, exceptionDetails } = yield* inspect<{ result: RemoteObject; exceptionDetails?: unknown }>(
    "Runtime.callFunctionOn",
    {
      objectId,
      functionDeclaration: action.toString(),
      arguments: [{ objectId }, ...parameters],
      objectGroup: group,
      generatePreview: true,
      silent: true,
    },
  );
  if (exceptionDetails !== undefined) throw new DebugRequestError(describeValue(result));
  return result;
}

/** A value as an argument of a call. */
function toArgument({ objectId, unserializableValue, value }: RemoteObject): JsonObject {
  if (objectId !== undefined) return { objectId };
  return unserializableValue === undefined ? { value } : { unserializableValue };
}

/** The innermost of these scopes that has the name. */
function* findScope(frame: CallFrame, objects: readonly RemoteObject[], name: string): Conversation<number> {
  for (const [index, { object }] of frame.scopeChain.entries()) {
    if (object.objectId === undefined || !objects.some(({ objectId }) => objectId === object.objectId)) continue;
    if ((yield* ownProperties(object.objectId)).some((property) => property.name === name)) return index;
  }
  throw new DebugRequestError(`There is no variable '${name}' here.`);
}
