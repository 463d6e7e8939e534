/** Top-level names of a cell as properties of the global object, from declaration to value. */
import type { CellDeclaration } from "../language/language.ts";
import type { CellRegistry, ImportedName } from "./cell-registry.ts";
import { currentContext, type ExecutionContext } from "./execution-context.ts";

interface DeclaredName {
  readonly declaration: CellDeclaration;
  readonly previous: PropertyDescriptor | undefined;
  readonly previousHolder: CellNames | undefined;
  readonly wasCellName: boolean;
  readonly previousImport: ImportedName | undefined;
  /** The cell was seen to give it a value. */
  isAssigned: boolean;
}

/** Getters of names that have no value yet. */
const unassignedGetters = new WeakSet<() => unknown>();
/** The cell whose declaration, or whose value, a global name holds: cells that run at once may declare the same name. */
const holders = new Map<string, CellNames>();
const namesOfCells = new WeakMap<ExecutionContext, CellNames>();

/**
 * The names one cell declares while it runs. A name has no value until the cell assigns one; what it held before comes
 * back if that never happens.
 */
export class CellNames {
  readonly #declarations: readonly CellDeclaration[];
  readonly #registry: CellRegistry;
  readonly #names = new Map<string, DeclaredName>();
  #assigned: readonly string[] | undefined;

  constructor(declarations: readonly CellDeclaration[], registry: CellRegistry, context: ExecutionContext) {
    // An import is defined with its value, once the module is there.
    this.#declarations = declarations.filter(({ kind }) => kind !== "import");
    this.#registry = registry;
    namesOfCells.set(context, this);
  }

  /** Make every name exist without a value. */
  declare(): void {
    for (const declaration of this.#declarations) {
      const { globalName } = declaration;
      this.#names.set(globalName, { declaration, isAssigned: false, ...this.#before(globalName) });
      this.#defineUnassigned(declaration);
      holders.set(globalName, this);
      this.#registry.define(globalName);
    }
  }

  /**
   * The cell has ended: bring back what names held that it did not assign.
   *
   * @param isComplete - the cell reached its end, so a `var` it never assigned is `undefined`, not missing.
   * @returns the names (as the user wrote them) that hold a value of this cell.
   */
  settle(isComplete: boolean): readonly string[] {
    this.#assigned ??= [...this.#names.values()]
      .filter((name) => this.#settleName(name, isComplete))
      .map(({ declaration }) => declaration.name);
    this.#names.clear(); // They keep what the names held before.
    return this.#assigned;
  }

  /** What this cell declared, while it runs. */
  private declared(globalName: string): DeclaredName | undefined {
    return this.#names.get(globalName);
  }

  /** @returns whether the name holds a value of this cell. */
  #settleName(name: DeclaredName, isComplete: boolean): boolean {
    const { globalName, kind } = name.declaration;
    const hasValue = !isUnassigned(globalName);
    if (holders.get(globalName) !== this) {
      // Another cell has declared it since. It has not assigned it yet, or did so before this one, unseen.
      if (!hasValue || name.isAssigned || !isComplete) return !hasValue && name.isAssigned;
      holders.set(globalName, this);
      return true;
    }
    if (hasValue) return true;
    if (isComplete && kind === "var") defineValue(globalName, undefined);
    else this.#restore(name);
    return isComplete && kind === "var";
  }

  /** What a name holds before this cell declares it; what a running cell has declared and not assigned does not count. */
  #before(globalName: string): Omit<DeclaredName, "declaration" | "isAssigned"> {
    const holder = holders.get(globalName);
    const unassigned = isUnassigned(globalName) ? holder?.declared(globalName) : undefined;
    return (
      unassigned ?? {
        previous: Object.getOwnPropertyDescriptor(globalThis, globalName),
        previousHolder: holder,
        wasCellName: this.#registry.isCellName(globalName),
        previousImport: this.#registry.importOf(globalName),
      }
    );
  }

  #defineUnassigned({ name, globalName, kind }: CellDeclaration): void {
    const get = (): undefined => {
      if (kind !== "var") throw new ReferenceError(`Cannot access '${name}' before initialization`);
    };
    unassignedGetters.add(get);
    Object.defineProperty(globalThis, globalName, {
      get,
      set: (value: unknown) => {
        this.#noteAssigner(globalName);
        defineValue(globalName, value);
      },
      enumerable: true,
      configurable: true,
    });
  }

  /** The running code gives a name its first value since the last cell declared it. */
  #noteAssigner(globalName: string): void {
    const context = currentContext();
    const running = context === undefined ? undefined : namesOfCells.get(context);
    const assigner = running?.declared(globalName) === undefined ? this : running;
    const name = assigner.#names.get(globalName);
    if (name !== undefined) name.isAssigned = true;
    holders.set(globalName, assigner);
  }

  #restore({ declaration, previous, previousHolder, wasCellName, previousImport }: DeclaredName): void {
    const { globalName } = declaration;
    Reflect.deleteProperty(globalThis, globalName);
    if (previous !== undefined) Object.defineProperty(globalThis, globalName, previous);
    if (previousHolder === undefined) holders.delete(globalName);
    else holders.set(globalName, previousHolder);
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
  holders.delete(globalName);
  registry.delete(globalName);
}

function isUnassigned(globalName: string): boolean {
  const descriptor = Object.getOwnPropertyDescriptor(globalThis, globalName) ?? {};
  const getter: unknown = Reflect.get(descriptor, "get");
  return unassignedGetters.has(getter as () => unknown);
}
