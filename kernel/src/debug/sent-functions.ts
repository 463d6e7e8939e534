/**
 * Functions that are sent to the session as text and run there. They must use nothing from outside
 * of themselves, and call no code of the user's unless they say so.
 */

/** The values of some global names, as an object. */
export function pickValues(names: readonly string[]): object {
  const picked = Object.create(null) as object;
  for (const name of names) {
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, name);
    // A getter is a name that has no value yet.
    if (descriptor !== undefined && "value" in descriptor) Object.defineProperty(picked, name, descriptor);
  }
  return picked;
}

/** A part of an array or of what is like one. */
export function takeElements(object: ArrayLike<unknown>, start: number, count: number): unknown[] {
  const taken: unknown[] = [];
  for (let index = start; index < start + count && index < object.length; index++) taken.push(object[index]);
  return taken;
}

/** A part of a set. */
export function takeMembers(object: ReadonlySet<unknown>, start: number, count: number): unknown[] {
  const taken: unknown[] = [];
  let index = 0;
  for (const member of Set.prototype.values.call(object)) {
    if (index >= start + count) break;
    if (index >= start) taken.push(member);
    index += 1;
  }
  return taken;
}

/** A part of a map: values by the text of their key; an entry whose key is an object has a number in brackets. */
export function takeEntries(object: ReadonlyMap<unknown, unknown>, start: number, count: number): object {
  const taken = Object.create(null) as object;
  let index = 0;
  for (const [key, value] of Map.prototype.entries.call(object)) {
    if (index >= start + count) break;
    if (index >= start) {
      const isObject = (typeof key === "object" && key !== null) || typeof key === "function";
      const text = (): string => (typeof key === "string" ? JSON.stringify(key) : String(key));
      Object.defineProperty(taken, isObject ? `[${index}]` : text(), {
        value: isObject ? { key, value } : value,
        enumerable: true,
        configurable: true,
      });
    }
    index += 1;
  }
  return taken;
}

/** A part of an object's own properties; getters stay getters. */
export function takeProperties(object: object, start: number, count: number): object {
  const taken = Object.create(null) as object;
  for (const key of Reflect.ownKeys(object).slice(start, start + count)) {
    Object.defineProperty(taken, key, Object.getOwnPropertyDescriptor(object, key) ?? {});
  }
  return taken;
}

export function countOwnKeys(object: object): number {
  return Reflect.ownKeys(object).length;
}

/** Calls a getter. */
export function readProperty(object: Record<string, unknown>, name: string): unknown {
  return object[name];
}

/** Calls a setter. */
export function writeProperty(object: Record<string, unknown>, name: string, value: unknown): void {
  object[name] = value;
}
