/** Code of functions as it goes over wires, made once per function. */
import type { WireCode } from "../../protocol/messages.ts";
import type { TaskCode } from "../engine.ts";
import type { ObjectTable } from "./object-table.ts";

/** Functions kept ready; beyond them, the least recently used is encoded again when it is needed. */
const KEPT = 256;

export class CodeTable {
  readonly #objects: ObjectTable;
  readonly #codes = new Map<string, WireCode>();

  constructor(objects: ObjectTable) {
    this.#objects = objects;
  }

  /** Captured values stay alive as long as the code is kept here, or a worker has it. */
  wireCode(code: TaskCode): WireCode {
    let wire = this.#codes.get(code.id);
    if (wire === undefined) {
      const value = this.#objects.toWire(code.payload);
      this.#objects.adopt(value);
      wire = { codeId: code.id, value };
    }
    this.#codes.delete(code.id);
    this.#codes.set(code.id, wire);
    for (const [codeId, { value }] of this.#codes) {
      if (this.#codes.size <= KEPT) break;
      this.#codes.delete(codeId);
      this.#objects.drop(value);
    }
    return wire;
  }
}
