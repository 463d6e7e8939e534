/** Apache Arrow tables travel as Arrow IPC streams. `apache-arrow` is the user's: it is loaded only where a table is met. */
import { createRequire } from "node:module";
import type { CodeWriter } from "./codec.ts";

interface Arrow {
  tableToIPC(table: object, type: "stream"): Uint8Array;
  tableFromIPC(bytes: Uint8Array): object;
}

/** By its looks: the class comes from whichever copy of `apache-arrow` the user imported. */
export function isArrowTable(value: object): boolean {
  const table = value as { schema?: { fields?: unknown }; batches?: unknown; constructor?: { name?: unknown } };
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return false;
  return table.constructor?.name === "Table" && Array.isArray(table.schema?.fields) && Array.isArray(table.batches);
}

/** @returns undefined when `apache-arrow` cannot be loaded. */
export function tableToBytes(table: object, code: CodeWriter | undefined): Uint8Array<ArrayBuffer> | undefined {
  return findArrow(table, code)?.tableToIPC(table, "stream") as Uint8Array<ArrayBuffer> | undefined;
}

/** @param arrow - the loaded module `apache-arrow`. */
export function tableFromBytes(arrow: unknown, bytes: Uint8Array): object {
  return (arrow as Arrow).tableFromIPC(bytes);
}

/** The copy that made the table, else the one seen from the working directory. */
function findArrow(table: object, code: CodeWriter | undefined): Arrow | undefined {
  const file = code?.fileOf(table.constructor as (...args: never[]) => unknown);
  for (const from of [file, `${process.cwd()}/`, import.meta.url]) {
    if (from === undefined) continue;
    try {
      return createRequire(from)("apache-arrow") as Arrow;
    } catch {
      // Not installed there: try the next place.
    }
  }
  return undefined;
}
