/**
 * The language service of a notebook, in the thread that calls it. `thread.ts` hosts one and `client.ts` speaks to it;
 * tests use it directly.
 */
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import type {
  Completion,
  HoverText,
  LiveDiagnostic,
  NamePlaces,
  NotebookText,
  Renaming,
} from "../protocol/language-comm.ts";
import { type AnalysedCell, analyseCell, compileCell } from "./cell/compile-cell.ts";
import { checkDirective, jsxFactoryNames } from "./cell/directives.ts";
import { engineSyntaxError } from "./cell/engine-syntax.ts";
import { parseCell } from "./cell/parse.ts";
import { isAugmentation } from "./cell/top-level-names.ts";
import { compilerOptionsFor } from "./compiler-options.ts";
import { completenessOf } from "./completeness.ts";
import { completionsAt } from "./completion.ts";
import {
  engineDiagnostic,
  isNoPackageToCome,
  misplacedReturns,
  syntaxDiagnostics,
  typeDiagnostics,
} from "./diagnostics.ts";
import { GrowingProgram } from "./growing-program.ts";
import { nameAt } from "./hover.ts";
import { typeOnlyImports, unusedAsValues } from "./import-kinds.ts";
import { ImportableNames } from "./importable-names.ts";
import type {
  CellDiagnostic,
  CheckLevel,
  CompiledCell,
  CompileReply,
  CompileRequest,
  Completeness,
  CompleteRequest,
  InspectRequest,
} from "./language.ts";
import { LanguageHost } from "./language-host.ts";
import { hints, liveDiagnostics } from "./live-diagnostics.ts";
import { placesOf, renaming } from "./name-places.ts";
import { NotebookWorld } from "./notebook-world.ts";
import { signatureAt } from "./signature-help.ts";
import { type CellPlacer, type PlacedCell, type Surroundings, type UnrunCell, UnrunCells } from "./unrun-cells.ts";
import { virtualModule } from "./virtual-module.ts";

export interface NotebookLanguageOptions {
  /** The notebook's directory: relative imports and the search for packages and `tsconfig.json` start there. */
  readonly directory: string;
  /** Where to look for `@types` packages besides the notebook's and the kernel's own. */
  readonly typeRoots?: readonly string[];
}

/** Directory of the kernel's package; this file lies two levels below it, as source and as compiled. */
const KERNEL_ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Parsed library files, shared by the notebooks of a process. */
const LIBRARY_FILES = ts.createDocumentRegistry(ts.sys.useCaseSensitiveFileNames);

/** Versions below this one are those of text that is still typed. */
const FIRST_DRAFT = -2_000_000;

export class NotebookLanguage {
  readonly #directory: string;
  readonly #compilerOptions: ts.CompilerOptions;
  readonly #host: LanguageHost;
  readonly #service: ts.LanguageService;
  readonly #world = new NotebookWorld();
  readonly #fileNames = new Map<number, string>();
  readonly #unrun: UnrunCells;
  readonly #document: UnrunCells;
  readonly #importable: ImportableNames;
  readonly #importing = new Set<number>();
  #growing: GrowingProgram | undefined;
  #lastVersion = 0;
  #lastDraft = FIRST_DRAFT;
  #draftBefore: { readonly around: Surroundings | number; readonly placed: PlacedCell } | undefined;

  constructor({ directory, typeRoots }: NotebookLanguageOptions) {
    this.#directory = resolve(directory);
    this.#compilerOptions = compilerOptionsFor(this.#directory, typeRoots);
    this.#host = new LanguageHost({
      directory: this.#directory,
      kernelRoot: KERNEL_ROOT,
      compilerOptions: this.#compilerOptions,
    });
    this.#service = ts.createLanguageService(this.#host, LIBRARY_FILES);
    this.#importable = new ImportableNames({
      directory: this.#directory,
      resolver: this.#host.resolver,
      compilerOptions: this.#compilerOptions,
    });
    const placer: CellPlacer = {
      place: (version, code, cell, surroundings) => this.#place(version, code, cell, surroundings),
      drop: (version) => this.#dropModule(version),
      isUsedBy: (cell) => this.#isUsedBy(cell),
    };
    this.#unrun = new UnrunCells(this.#world, placer, "as run");
    this.#document = new UnrunCells(this.#world, placer, "as written");
  }

  /** @see Language.compile */
  compile({ code, cellId, check, version = this.#lastVersion + 1 }: CompileRequest): CompileReply {
    const parsed = parseCell(code);
    const syntaxErrors = [...syntaxDiagnostics(parsed.errors, code), ...misplacedReturns(parsed.sourceFile)];
    if (syntaxErrors.length > 0) return { diagnostics: syntaxErrors };
    const level = checkDirective(code) ?? check;
    const analysed = analyseCell(parsed.sourceFile, parsed.isTsx);
    const placed = this.#place(version, code, analysed, this.#surroundings(analysed, cellId));
    if (level !== "off") this.#include(placed);
    const { diagnostics, typeImports } = this.#check(placed, level, cellId);
    if (diagnostics.some(({ category }) => category === "error")) return this.#refuse(version, diagnostics);
    const compiled = this.#emit(version, placed, typeImports, cellId);
    const engineError = engineSyntaxError(compiled.body) ?? engineSyntaxError(compiled.hoisted);
    if (engineError) return this.#refuse(version, [...diagnostics, engineDiagnostic(engineError, code)]);
    this.#lastVersion = Math.max(this.#lastVersion, version);
    this.#world.add({
      version,
      ...(cellId !== undefined && { cellId }),
      names: [...placed.cell.names.values()].map(({ name, kind }) => ({
        name,
        kind: typeImports.has(name) ? "type" : kind,
      })),
      dependencies: placed.dependencies,
      isAugmenting: parsed.sourceFile.statements.some(isAugmentation),
      code,
    });
    return { cell: compiled, diagnostics };
  }

  /** @see Language.commit */
  commit(version: number, assigned: readonly string[]): void {
    this.#world.commit(version, assigned);
    this.#dropModules();
  }

  /** @see Language.lend */
  lend(version: number): void {
    this.#world.lend(version);
  }

  /** @see Language.forget */
  forget(cellIds: readonly string[]): readonly string[] {
    const globalNames = this.#world.forget(cellIds);
    this.#dropModules();
    return globalNames;
  }

  /** @see Language.diagnose */
  diagnose({ cells, cellId, check }: NotebookText & { check: CheckLevel }): readonly LiveDiagnostic[] {
    const cell = this.#unrun.place(cells).get(cellId);
    if (!cell || cell.code.trim() === "") return [];
    this.#showOnly(this.#unrun.rootsFor(cellId));
    const { code, parsed } = cell;
    const syntaxErrors = [...syntaxDiagnostics(parsed.errors, code), ...misplacedReturns(parsed.sourceFile)];
    if (syntaxErrors.length > 0) return liveDiagnostics(this.#service, cell, syntaxErrors, this.#importable);
    const level = checkDirective(code) ?? check;
    if (level === "off") return [];
    const diagnostics = this.#check(cell, level, cellId).diagnostics.filter(isNoPackageToCome);
    return [...liveDiagnostics(this.#service, cell, diagnostics, this.#importable), ...hints(this.#service, cell)];
  }

  /** @see Language.complete */
  complete({ code, offset, notebook, withImports = false }: CompleteRequest): Completion {
    const importable = withImports ? this.#importable : undefined;
    return completionsAt(this.#service, this.#draft(code, notebook), offset, importable);
  }

  /** @see Language.inspect */
  inspect({ code, offset, notebook }: InspectRequest): HoverText | undefined {
    const draft = this.#draft(code, notebook);
    const isBeforeArgument = /[(,]\s*$/.test(code.slice(0, offset)) && !/^[\p{ID_Start}$_]/u.test(code.slice(offset));
    const [first, second] = isBeforeArgument ? [signatureAt, nameAt] : [nameAt, signatureAt];
    return first(this.#service, draft, offset) ?? second(this.#service, draft, offset);
  }

  /** @see Language.places */
  places({ cells, cellId, offset }: NotebookText & { offset: number }): NamePlaces | undefined {
    return placesOf(this.#service, this.#asDocument(cells), cellId, offset);
  }

  /** @see Language.rename */
  rename({ cells, cellId, offset, newName }: NotebookText & { offset: number; newName: string }): Renaming {
    return renaming(this.#service, this.#asDocument(cells), { cellId, offset, newName });
  }

  /** @see Language.isComplete */
  isComplete(code: string): Completeness {
    return completenessOf(code);
  }

  /**
   * Do beforehand what the first cell would wait for: load the library files, and let V8 compile the compiler.
   * Steps, so that a request can be answered between two of them.
   */
  warmUpSteps(): readonly (() => void)[] {
    const code = 'const text: string[] = await Promise.all(["a"].map(async (x) => x + 1));\nconsole.log(text)';
    const sample = (): PlacedCell => this.#draft(code);
    return [
      () => void this.#service.getProgram(),
      () => void this.#check(sample(), "error"),
      () => void this.#emit(FIRST_DRAFT, sample(), new Set()),
      () => void this.complete({ code: `${code}.lo`, offset: code.length + 3 }),
      () => void this.inspect({ code, offset: code.length - 6 }),
      ...this.#importable.readSteps(),
    ];
  }

  close(): void {
    this.#growing?.release();
    this.#service.dispose();
  }

  #refuse(version: number, diagnostics: readonly CellDiagnostic[]): CompileReply {
    this.#dropModule(version);
    return { diagnostics };
  }

  /** The notebook as its text says, whatever ran: what a name means is where the reader finds it. */
  #asDocument(cells: NotebookText["cells"]): ReadonlyMap<string, UnrunCell> {
    const placed = this.#document.place(cells);
    this.#showOnly([...placed.values()].map(({ fileName }) => fileName));
    return placed;
  }

  /** Put text that is still typed into the type world. Every name that the cell could use is in its scope. */
  #draft(code: string, notebook?: NotebookText): PlacedCell {
    const unrun = notebook && this.#unrun.place(notebook.cells).get(notebook.cellId);
    const around = unrun?.surroundings ?? this.#world.revision;
    // A front end asks several things about one text, and all names of a long notebook are a long header.
    if (this.#draftBefore?.placed.code !== code || this.#draftBefore.around !== around) {
      const { sourceFile, isTsx } = parseCell(code);
      const names = this.#world.visibleNames();
      const surroundings = unrun?.surroundings ?? { names, augmenting: this.#world.augmentingVersions() };
      const placed = this.#place("draft", code, analyseCell(sourceFile, isTsx), surroundings);
      this.#draftBefore = { around, placed };
    }
    const { placed } = this.#draftBefore;
    this.#include(placed);
    return placed;
  }

  /** What a cell that is about to run sees of the others: what it uses, and what changes types for all. */
  #surroundings(cell: AnalysedCell, cellId?: string): Surroundings {
    const isUsed = this.#isUsedBy(cell);
    return {
      names: this.#world.visibleNames(cellId).filter(({ name }) => isUsed(name)),
      augmenting: this.#world.augmentingVersions(cellId),
    };
  }

  /** Make a cell's module part of the program: of the one that is there where that is possible, else of a new one. */
  #include({ fileName }: PlacedCell): void {
    const program = this.#growing ? undefined : this.#service.getProgram();
    if (program) this.#growing = new GrowingProgram(program, this.#host);
    if (this.#growing?.join(fileName)) return;
    // What cells have imported stays, or each of them that comes up again would need another new program.
    const importing = [...this.#importing].flatMap((version) => this.#fileNames.get(version) ?? []);
    this.#showOnly([...new Set([fileName, ...importing])]);
  }

  /** The next question finds a program of these modules and of what they import. */
  #showOnly(fileNames: readonly string[]): void {
    this.#growing?.release();
    this.#growing = undefined;
    this.#host.setRoots(fileNames);
  }

  #place(wanted: number | "draft", code: string, cell: AnalysedCell, { names, augmenting }: Surroundings): PlacedCell {
    const imported = names.filter(({ name }) => !cell.names.has(name));
    const written = cell.references.filter(({ isWrite }) => isWrite).map(({ node }) => node.text);
    const { text, headerLength, dependencies } = virtualModule(code, cell, {
      imported,
      assigned: new Set(written),
      augmenting,
      specifierOf: (other) => `./${this.#baseName(other)}`,
    });
    const extension = cell.isTsx ? "tsx" : "ts";
    const version = wanted === "draft" ? this.#draftVersion(text, extension) : wanted;
    const fileName = this.#fileName(version, extension);
    if (this.#fileNames.get(version) !== fileName) this.#dropModule(version);
    this.#fileNames.set(version, fileName);
    this.#host.setModule(fileName, text);
    if (version > 0 && cell.sourceFile.statements.some(bringsFiles)) this.#importing.add(version);
    return { fileName, code, headerLength, imported, cell, dependencies };
  }

  /** Every draft is a module of its own, so that it can join the program that holds the one before. */
  #draftVersion(text: string, extension: string): number {
    if (this.#host.moduleText(this.#fileName(this.#lastDraft, extension)) === text) return this.#lastDraft;
    this.#dropModule(this.#lastDraft);
    return --this.#lastDraft;
  }

  #fileName(version: number, extension: string): string {
    return join(this.#directory, `.cell-${version}.${extension}`);
  }

  #isUsedBy({ references, isTsx, sourceFile }: AnalysedCell): (name: string) => boolean {
    const used = new Set(references.map(({ node }) => node.text));
    const { jsxFactory = "React", jsxFragmentFactory = "React" } = this.#compilerOptions;
    const factories = [jsxFactory, jsxFragmentFactory, ...jsxFactoryNames(sourceFile.text)];
    for (const factory of isTsx ? factories : []) used.add(factory.split(".")[0] ?? factory);
    return (name) => used.has(name);
  }

  #check(
    placed: PlacedCell,
    level: CheckLevel,
    cellId?: string,
  ): { diagnostics: readonly CellDiagnostic[]; typeImports: ReadonlySet<string> } {
    if (level === "off") return { diagnostics: [], typeImports: unusedAsValues(placed.cell) };
    try {
      const errors = this.#service.getSemanticDiagnostics(placed.fileName);
      const context = {
        ...placed,
        level,
        isTsx: placed.cell.isTsx,
        isFormerName: (name: string) => cellId !== undefined && this.#world.find(name)?.cellId === cellId,
      };
      const program = this.#service.getProgram();
      const typeImports = program ? typeOnlyImports(program, placed.fileName, placed.headerLength) : new Set<string>();
      return { diagnostics: typeDiagnostics(errors, context), typeImports };
    } catch (error) {
      // A bug of the type checker must not keep anybody from running a cell.
      const message = `The type checker failed on this cell, so it was not checked: ${String(error)}`;
      this.#showOnly([]);
      const failure: CellDiagnostic = { category: "warning", code: 0, message, start: 0, length: 0 };
      return { diagnostics: [failure], typeImports: unusedAsValues(placed.cell) };
    }
  }

  #emit(version: number, placed: PlacedCell, typeImports: ReadonlySet<string>, cellId?: string): CompiledCell {
    const { jsx, jsxFactory, jsxFragmentFactory, jsxImportSource, experimentalDecorators } = this.#compilerOptions;
    const compiled = compileCell(placed.cell, {
      earlierGlobalName: (name) => placed.imported.find((live) => live.name === name)?.globalName ?? name,
      typeImports,
      transpile: defined({
        jsx: jsx === ts.JsxEmit.ReactJSX || jsx === ts.JsxEmit.ReactJSXDev ? ts.JsxEmit.ReactJSX : ts.JsxEmit.React,
        jsxFactory,
        jsxFragmentFactory,
        jsxImportSource,
        experimentalDecorators,
      }),
    });
    const declared = new Set(compiled.declarations.map(({ name }) => name));
    const obsolete = this.#world.obsoleteGlobals(cellId, declared);
    return {
      version,
      fileName: placed.fileName,
      source: placed.code,
      ...compiled,
      ...(obsolete.length > 0 && { obsoleteGlobals: obsolete }),
    };
  }

  #baseName(version: number): string {
    return basename(this.#fileNames.get(version) ?? `.cell-${version}.ts`);
  }

  #dropModules(): void {
    for (const version of this.#fileNames.keys()) {
      if (version > 0 && !this.#world.isKept(version)) this.#dropModule(version);
    }
  }

  #dropModule(version: number): void {
    const fileName = this.#fileNames.get(version);
    if (fileName === undefined) return;
    this.#fileNames.delete(version);
    this.#importing.delete(version);
    this.#host.deleteModule(fileName);
  }
}

/** Can a statement of a cell add files to the program? */
function bringsFiles(node: ts.Statement): boolean {
  return ts.isImportDeclaration(node) || ts.isImportEqualsDeclaration(node) || ts.isExportDeclaration(node);
}

/** Options without the ones that are `undefined`, which `exactOptionalPropertyTypes` tells apart. */
function defined<T extends object>(options: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}
