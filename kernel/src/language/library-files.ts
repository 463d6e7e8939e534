/** Which of TypeScript's library files describe what this Node has: a name that it lacks is better refused than thrown. */

/**
 * Library file → whether the engine has what the file describes. Files up to ES2023 describe the oldest Node there is.
 * Asked when it is needed: while a snapshot of V8's heap is made, the engine has less (no `Atomics`).
 */
const newerFiles = (): Readonly<Record<string, boolean>> => ({
  "es2024.arraybuffer": "transfer" in ArrayBuffer.prototype,
  "es2024.collection": "groupBy" in Map,
  "es2024.object": "groupBy" in Object,
  "es2024.promise": "withResolvers" in Promise,
  "es2024.regexp": "unicodeSets" in RegExp.prototype,
  "es2024.sharedmemory": "waitAsync" in (globalThis.Atomics ?? {}),
  "es2024.string": "isWellFormed" in String.prototype,
  "es2025.collection": "union" in Set.prototype,
  "es2025.float16": "f16round" in Math,
  "es2025.intl": "DurationFormat" in Intl,
  "es2025.iterator": "Iterator" in globalThis,
  "es2025.promise": "try" in Promise,
  "es2025.regexp": "escape" in RegExp,
  "esnext.array": "fromAsync" in Array,
  "esnext.collection": "getOrInsert" in Map.prototype,
  "esnext.error": "isError" in Error,
  "esnext.intl": "Temporal" in globalThis,
  "esnext.sharedmemory": "pause" in (globalThis.Atomics ?? {}),
  "esnext.temporal": "Temporal" in globalThis,
  "esnext.date": "toTemporalInstant" in Date.prototype,
  "esnext.typedarrays": "toBase64" in Uint8Array.prototype,
});

/** What the compiler lowers, whatever the engine has. */
const LOWERED = ["esnext.decorators", "esnext.disposable"];

/** For the compiler option `lib`. */
export function libraryFiles(): readonly string[] {
  const newer = Object.entries(newerFiles()).flatMap(([file, isThere]) => (isThere ? file : []));
  return ["es2023", ...newer, ...LOWERED].map((file) => `lib.${file}.d.ts`);
}
