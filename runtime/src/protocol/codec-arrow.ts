/** Apache Arrow tables travel as Arrow IPC streams. `apache-arrow` is the user's: it is loaded only where a table is met. */
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
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

/** A table as an IPC stream, and the file of `apache-arrow` that its class comes from. */
export interface ArrowBytes {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly file: string;
}

/**
 * Only the copy of `apache-arrow` that made a table writes it correctly: another one does not know its types.
 *
 * @returns undefined when that copy cannot be found.
 */
export function tableToBytes(table: object, code: CodeWriter | undefined): ArrowBytes | undefined {
  const file = code?.fileOf(table.constructor as (...args: never[]) => unknown);
  if (file === undefined || !file.startsWith("file:")) return undefined;
  const arrow = exportsBeside(fileURLToPath(file), table.constructor);
  if (arrow === undefined) return undefined;
  return { bytes: arrow.tableToIPC(table, "stream") as Uint8Array<ArrayBuffer>, file };
}

/** The exports of the package, which is loaded already: its main file lies beside the file of the class. */
function exportsBeside(file: string, table: unknown): Arrow | undefined {
  const require = createRequire(import.meta.url);
  for (const candidate of ["Arrow.node", "Arrow.dom", "Arrow"].map((name) =>
    join(dirname(file), name + extname(file)),
  )) {
    try {
      const exports = require(candidate) as Arrow & { Table?: unknown };
      if (exports.Table === table) return exports;
    } catch {
      // Not this one.
    }
  }
  return undefined;
}

/** @param arrow - the loaded module `apache-arrow`. */
export function tableFromBytes(arrow: unknown, bytes: Uint8Array): object {
  return (arrow as Arrow).tableFromIPC(bytes);
}
