/** What the kernel asks of the language thread. Offsets are UTF-16 code units into `code`; the protocol side converts. */

import type {
  Completion,
  HoverText,
  LiveDiagnostic,
  NamePlaces,
  NotebookText,
  Renaming,
} from "../protocol/language-comm.ts";

/** `error`: a type error blocks the cell. `warn`: it is shown and the cell runs. `off`: types are erased, not checked. */
export type CheckLevel = "error" | "warn" | "off";

/** A module a cell imports; the session loads it before the cell's first statement. */
export interface CellImport {
  readonly specifier: string;
  /** `with { type: "json" }`, when written. */
  readonly attributes?: Readonly<Record<string, string>>;
  /**
   * Names to define in the notebook. `imported` is `"default"`, `"*"` (namespace) or an export's name; `local` is the
   * property of the global object, that is the `globalName` of a declaration of kind `import`.
   */
  readonly bindings: readonly { readonly imported: string; readonly local: string }[];
  /** 0-based line of the import in the cell, for errors. */
  readonly line: number;
}

/**
 * A name that a cell declares at its top level. From before the cell's first statement until it is assigned, reading it
 * throws a ReferenceError, as for `let`; a `var` reads as `undefined`.
 */
export interface CellDeclaration {
  /** The name as the user wrote it. */
  readonly name: string;
  /** The property of the global object that holds it: equal to `name`, unless that would hide a built-in global. */
  readonly globalName: string;
  readonly kind: "const" | "let" | "var" | "function" | "class" | "enum" | "namespace" | "import";
}

/**
 * A cell turned into runnable code. Positions equal the user's: types are blanked out, not removed.
 *
 * Top-level names become properties of the global object, so that every cell and every function sees the newest value,
 * V8 keeps its fast path for globals, and a function's text stays as it was written.
 */
export interface CompiledCell {
  /** Counts compiled cells of this kernel from 1; names the module in the type world. */
  readonly version: number;
  /**
   * Absolute path shown to V8, inside the notebook's directory, so that relative imports resolve: `.cell-<version>.ts`
   * (`.tsx` for a cell with JSX). No such file exists.
   */
  readonly fileName: string;
  /** The user's text. */
  readonly source: string;
  /**
   * A script that assigns the top-level functions; runs before `body`. Like `body`, its text starts one line above the
   * user's line 0 (compile both with `lineOffset: -1`). Empty when the cell declares no function.
   */
  readonly hoisted: string;
  /** An expression whose value is an async function of no arguments; its text starts one line above the user's line 0. */
  readonly body: string;
  readonly imports: readonly CellImport[];
  readonly declarations: readonly CellDeclaration[];
  /**
   * Global names that the earlier version of this cell (same `cellId`) declared and this one does not: to be deleted
   * before it runs. The type world forgets them at `commit`.
   */
  readonly obsoleteGlobals?: readonly string[];
  /** The last statement is an expression, with or without `;`, and `body` resolves to its value. */
  readonly hasResult: boolean;
}

export interface CellDiagnostic {
  readonly category: "error" | "warning";
  /** TypeScript's code, e.g. 2345; 0 for a message of our own. */
  readonly code: number;
  readonly message: string;
  /** UTF-16 offsets into the cell. */
  readonly start: number;
  readonly length: number;
}

export interface CompileRequest {
  readonly code: string;
  readonly cellId?: string;
  readonly check: CheckLevel;
  /** The cell's version, when it had one before the language began anew. Default: the next one. */
  readonly version?: number;
}

export interface CompileReply {
  /** Absent when a diagnostic blocks the cell: always for syntax errors, for type errors at level `error`. */
  readonly cell?: CompiledCell;
  readonly diagnostics: readonly CellDiagnostic[];
}

export interface InspectRequest {
  readonly code: string;
  readonly offset: number;
  /** The cells around this one, when they are known; without them only names of cells that ran are in scope. */
  readonly notebook?: NotebookText;
}

export interface CompleteRequest extends InspectRequest {
  /** Offer names that an import would bring, too. Default: false. */
  readonly withImports?: boolean;
}

export type Completeness =
  | { readonly status: "complete" | "invalid" | "unknown" }
  | { readonly status: "incomplete"; readonly indent: string };

/** The TypeScript program behind a notebook. Runs in its own thread, so it answers while user code spins. */
export interface Language {
  /**
   * Check and compile a cell against the names of earlier cells. The names it declares become visible to later cells
   * at `commit`, not before, so a cell that is refused or never runs leaves the type world unchanged.
   */
  compile(request: CompileRequest): Promise<CompileReply>;
  /** The cell runs: another that is compiled meanwhile may use its names, until `commit` says which got a value. */
  lend(version: number): void;
  /** The cell ran. `assigned`: the declared names that got a value (all of them, unless the cell threw half-way). */
  commit(version: number, assigned: readonly string[]): void;
  /** Cells deleted in the front end; what they declared leaves the type world. Returns the global names to delete. */
  forget(cellIds: readonly string[]): Promise<readonly string[]>;
  /**
   * What is wrong, or could be better, in a cell that may never have run. It sees the cells above it as they stand now,
   * and below them every name of cells that ran. The type world stays as it is. Empty at level `off`, but for syntax.
   */
  diagnose(request: NotebookText & { check: CheckLevel }): Promise<readonly LiveDiagnostic[]>;
  complete(request: CompleteRequest): Promise<Completion>;
  inspect(request: InspectRequest): Promise<HoverText | undefined>;
  /** The name at an offset of a cell, and where else in the notebook's text it stands. */
  places(request: NotebookText & { offset: number }): Promise<NamePlaces | undefined>;
  rename(request: NotebookText & { offset: number; newName: string }): Promise<Renaming>;
  isComplete(code: string): Promise<Completeness>;
  close(): Promise<void>;
}
