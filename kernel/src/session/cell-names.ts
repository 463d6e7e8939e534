/** Top-level names of a cell as properties of the global object, from declaration to value. */
import type { CellDeclaration } from "../language/language.ts";
import type { CellRegistry, ImportedName } from "./cell-registry.ts";

interface DeclaredName {
  readonly declaration: CellDeclaration;
  readonly previous: PropertyDescriptor | undefined;
  readonly wasCellName: boolean;
  readonly previousImport: ImportedName | undefined;
}

/** Getters of names that have no value yet. */
const unassignedGetters = new WeakSet<() => unknown>();

/**
 * The names one cell declares while it runs. A name has no value until the cell assigns one; what it held before comes
 * back if that never happens.
 */
export class CellNames {
  readonly #registry: CellRegistry;
  readonly #names: DeclaredName[] = [];
  #assigned: readonly string[] | undefined;

  constructor(declarations: readonly CellDeclaration[], registry: CellRegistry) {
    this.#registry = registry;
    for (const declaration of declarations) {
      if (declaration.kind === "import") continue; // Defined with its value, once the module is there.
      const { globalName } = declaration;
      this.#names.push({
        declaration,
        previous: Object.getOwnPropertyDescriptor(globalThis, globalName),
        wasCellName: registry.isCellName(globalName),
        previousImport: registry.importOf(globalName),
      });
    }
  }

  /** Make every name exist without a value. */
  declare(): void {
    for (const { declaration } of this.#names) {
      defineUnassigned(declaration);
      this.#registry.define(declaration.globalName);
    }
  }

  /**
   * The cell has ended: bring back what names held that it did not assign.
   *
   * @param isComplete - the cell reached its end, so a `var` it never assigned is `undefined`, not missing.
   * @returns the names (as the user wrote them) that hold a value of this cell.
   */
  settle(isComplete: boolean): readonly string[] {
    if (this.#assigned !== undefined) return this.#assigned;
    const assigned: string[] = [];
    for (const name of this.#names) {
      const { declaration } = name;
      if (isUnassigned(declaration.globalName) && !(isComplete && declaration.kind === "var")) {
        this.#restore(name);
        continue;
      }
      if (isUnassigned(declaration.globalName)) defineValue(declaration.globalName, undefined);
      assigned.push(declaration.name);
    }
    this.#assigned = assigned;
    return assigned;
  }

  #restore({ declaration: { globalName }, previous, wasCellName, previousImport }: DeclaredName): void {
    Reflect.deleteProperty(globalThis, globalName);
    if (previous !== undefined) Object.defineProperty(globalThis, globalName, previous);
    if (wasCellName) this.#registry.define(globalName, previousImport);
    else this.#registry.delete(globalName);
  }
}

/** Give the global object an ordinary property. */
export function defineValue(globalName: string, value: unknown): void {
  Object.defineProperty(globalThis, globalName, { value, writable: true, enumerable: true, configurable: true });
}

/** Remove a name that no cell declares any more. */
export function deleteGlobal(globalName: string, registry: CellRegistry): void {
  Reflect.deleteProperty(globalThis, globalName);
  registry.delete(globalName);
}

function defineUnassigned({ name, globalName, kind }: CellDeclaration): void {
  const get = (): undefined => {
    if (kind !== "var") throw new ReferenceError(`Cannot access '${name}' before initialization`);
  };
  unassignedGetters.add(get);
  Object.defineProperty(globalThis, globalName, {
    get,
    set: (value: unknown) => {
      defineValue(globalName, value);
    },
    enumerable: true,
    configurable: true,
  });
}

function isUnassigned(globalName: string): boolean {
  const descriptor = Object.getOwnPropertyDescriptor(globalThis, globalName) ?? {};
  const getter: unknown = Reflect.get(descriptor, "get");
  return unassignedGetters.has(getter as () => unknown);
}
