/**
 * What V8 knows about a function: where it was written, and the variables around it with their present values. Through the
 * inspector of this same thread; no user code runs, and nothing is changed.
 */
import { type Runtime, Session } from "node:inspector";

/** Line and column are 0-based and count from the start of the file, not of the script. */
export interface FunctionLocation {
  readonly scriptId: string;
  readonly line: number;
  readonly column: number;
}

export interface FoundVariable {
  readonly value: unknown;
  /** Counted from the outermost scope, so that two functions of one file agree on it. */
  readonly depth: number;
}

/** A named piece of text that V8 compiled. */
export interface ScriptHead {
  readonly url: string;
  readonly startLine: number;
  readonly startColumn: number;
  readonly isModule: boolean;
}

const HANDOVER: unique symbol = Symbol.for("mobula.closure.handover") as never;

interface Handover {
  subject: unknown;
  values: unknown[];
}

let session: Session | undefined;

function connected(): Session {
  if (session === undefined) {
    session = new Session();
    session.connect();
  }
  return session;
}

/** Inspector calls to the own thread are answered before `post` returns. */
function post(method: string, parameters: object = {}): unknown {
  let failure: Error | null = null;
  let result: unknown;
  connected().post(method, parameters, (error, answer) => {
    failure = error;
    result = answer;
  });
  if (failure !== null) throw new Error(`The inspector refused ${method}: ${JSON.stringify(failure)}`);
  return result;
}

type Properties = Runtime.GetPropertiesReturnType & { readonly privateProperties?: readonly PrivateProperty[] };

interface PrivateProperty {
  readonly name: string;
  readonly value?: Runtime.RemoteObject;
}

function propertiesOf(objectId: string): Properties {
  return post("Runtime.getProperties", { objectId, ownProperties: true }) as Properties;
}

/** Run `use` with the inspector's handle of `subject`. */
function withHandle<T>(subject: object, use: (objectId: string, handover: Handover) => T): T {
  const handover: Handover = { subject, values: [] };
  Object.defineProperty(globalThis, HANDOVER, { value: handover, configurable: true });
  try {
    const { result } = post("Runtime.evaluate", {
      expression: 'globalThis[Symbol.for("mobula.closure.handover")].subject',
      objectGroup: "mobula.closure",
      silent: true,
    }) as Runtime.EvaluateReturnType;
    if (result.objectId === undefined) throw new Error("The inspector gave no handle for a function");
    return use(result.objectId, handover);
  } finally {
    Reflect.deleteProperty(globalThis, HANDOVER);
    post("Runtime.releaseObjectGroup", { objectGroup: "mobula.closure" });
  }
}

/** The values behind the inspector's descriptions, themselves and not copies. */
function realValues(
  remotes: readonly (Runtime.RemoteObject | undefined)[],
  handover: Handover,
  owner: string,
): unknown[] {
  const withIds = remotes.filter((remote) => remote?.objectId !== undefined);
  if (withIds.length > 0) {
    post("Runtime.callFunctionOn", {
      objectId: owner,
      functionDeclaration:
        'function (...values) { globalThis[Symbol.for("mobula.closure.handover")].values = values; }',
      arguments: withIds.map((remote) => ({ objectId: remote?.objectId })),
      silent: true,
    });
  }
  let next = 0;
  return remotes.map((remote) => {
    if (remote === undefined) return undefined;
    if (remote.objectId !== undefined) return handover.values[next++];
    return remote.unserializableValue === undefined ? remote.value : fromText(remote.unserializableValue);
  });
}

function fromText(text: string): unknown {
  return text.endsWith("n") ? BigInt(text.slice(0, -1)) : Number(text);
}

/** An open look at one function. */
export interface FunctionView {
  /** Undefined for native and bound functions. */
  readonly location: FunctionLocation | undefined;
  /** The variables of these names that the function sees, innermost first. Globals are not among them. */
  find(names: ReadonlySet<string>): Map<string, FoundVariable>;
}

/** Look at a function. The view is valid only inside `use`. */
export function inspectFunction<T>(fn: object, use: (view: FunctionView) => T): T {
  return withHandle(fn, (objectId, handover) => {
    const internals = propertiesOf(objectId).internalProperties ?? [];
    const internal = (name: string): Runtime.RemoteObject | undefined =>
      internals.find((property) => property.name === name)?.value;
    const place = internal("[[FunctionLocation]]")?.value as
      | { scriptId: string; lineNumber: number; columnNumber?: number }
      | undefined;
    return use({
      location: place && { scriptId: place.scriptId, line: place.lineNumber, column: place.columnNumber ?? 0 },
      find: (names) => {
        const scopes = internal("[[Scopes]]")?.objectId;
        return scopes === undefined ? new Map() : findInScopes(scopes, names, handover, objectId);
      },
    });
  });
}

function findInScopes(
  scopesId: string,
  names: ReadonlySet<string>,
  handover: Handover,
  owner: string,
): Map<string, FoundVariable> {
  const scopes = propertiesOf(scopesId).result.filter((scope) => scope.value?.description !== "Global");
  const found = new Map<string, { remote: Runtime.RemoteObject | undefined; depth: number }>();
  for (const [index, scope] of scopes.entries()) {
    if (scope.value?.objectId === undefined) continue;
    for (const { name, value } of propertiesOf(scope.value.objectId).result) {
      if (names.has(name) && !found.has(name)) found.set(name, { remote: value, depth: scopes.length - index });
    }
    if (found.size === names.size) break;
  }
  const values = realValues(
    [...found.values()].map(({ remote }) => remote),
    handover,
    owner,
  );
  return new Map([...found].map(([name, { depth }], index) => [name, { value: values[index], depth }]));
}

/** Private fields of an object (`#name` and value), those of base classes first. Private methods are not among them. */
export function inspectPrivateFields(object: object): { name: string; value: unknown }[] {
  return withHandle(object, (objectId, handover) => {
    const fields = (propertiesOf(objectId).privateProperties ?? []).filter((property) => property.value !== undefined);
    const values = realValues(
      fields.map((field) => field.value),
      handover,
      objectId,
    );
    return fields.map(({ name }, index) => ({ name, value: values[index] }));
  });
}

/**
 * Heads of all scripts V8 has now, and the text of those in `wanted`. The debugger is on only meanwhile: left on, a
 * `debugger` statement of the user's would stop the process.
 */
export function listScripts(wanted: string): { heads: Map<string, ScriptHead>; source: string | undefined } {
  const heads = new Map<string, ScriptHead>();
  const onParsed = ({
    params,
  }: {
    params: Omit<ScriptHead, "isModule"> & { scriptId: string; isModule?: boolean };
  }): void => {
    const { scriptId, url, startLine, startColumn, isModule = false } = params;
    heads.set(scriptId, { url, startLine, startColumn, isModule });
  };
  connected().on("Debugger.scriptParsed", onParsed as never);
  try {
    post("Debugger.enable");
    const { scriptSource } = post("Debugger.getScriptSource", { scriptId: wanted }) as { scriptSource: string };
    return { heads, source: scriptSource };
  } catch {
    return { heads, source: undefined };
  } finally {
    post("Debugger.disable");
    connected().off("Debugger.scriptParsed", onParsed as never);
  }
}
