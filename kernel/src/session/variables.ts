/** The list of variables that front ends show: told after each cell, read without running the user's code. */
import { summarise, type ValueSummary } from "../display/summary.ts";
import type { CellRegistry } from "./cell-registry.ts";
import type { CommServer, ServedComm } from "./comm-server.ts";

export const VARIABLES_TARGET = "mobula.variables.v1";

/** One line of the list. Without `type` there was no time to look at the value. */
export type VariableView = { readonly name: string } & Partial<ValueSummary>;

export interface VariablesMessage {
  readonly type: "variables";
  readonly variables: readonly VariableView[];
  /** Variables beyond those that are listed. */
  readonly more: number;
}

const MAX_VARIABLES = 500;
/** Looking at values ends after this time: an object with a million keys takes half a second. */
const BUDGET_MS = 50;

/** The cells' top-level names and what they hold now, in the order of their declaration; imports are left out. */
export function listVariables(registry: CellRegistry, elapsedMs: () => number): VariablesMessage {
  const names = registry.declaredNames();
  const variables: VariableView[] = [];
  for (const { name, globalName } of names.slice(0, MAX_VARIABLES)) {
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, globalName);
    if (descriptor === undefined || !("value" in descriptor)) continue; // Declared, not assigned yet.
    variables.push(elapsedMs() > BUDGET_MS ? { name } : { name, ...summarise(descriptor.value) });
  }
  return { type: "variables", variables, more: Math.max(0, names.length - MAX_VARIABLES) };
}

/** Tells every open comm of the list: at once, and after each cell that changed it. */
export class VariablesTeller {
  readonly #registry: CellRegistry;
  readonly #told = new Map<ServedComm, string>();

  constructor(registry: CellRegistry, comms: CommServer) {
    this.#registry = registry;
    comms.serve(VARIABLES_TARGET, (comm) => {
      comm.onClose = () => this.#told.delete(comm);
      this.#told.set(comm, "");
      this.tell();
    });
  }

  tell(): void {
    if (this.#told.size === 0) return;
    const startMs = performance.now();
    const message = listVariables(this.#registry, () => performance.now() - startMs);
    const text = JSON.stringify(message);
    for (const [comm, told] of this.#told) {
      if (text === told) continue;
      this.#told.set(comm, text);
      comm.send(message);
    }
  }
}
