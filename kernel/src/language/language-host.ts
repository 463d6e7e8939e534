import { join } from "node:path";
import ts from "typescript";
import { isLibrary, ModuleResolver } from "./module-resolver.ts";

export interface LanguageHostOptions {
  /** The notebook's directory: relative imports start there, and virtual modules pretend to lie there. */
  readonly directory: string;
  /** Directory of the kernel's package, with `resources/globals.d.ts`. */
  readonly kernelRoot: string;
  readonly compilerOptions: ts.CompilerOptions;
}

/** What TypeScript's language service sees: the virtual modules of the notebook, and the real files they import. */
export class LanguageHost implements ts.LanguageServiceHost {
  readonly #options: LanguageHostOptions;
  readonly #globals: string;
  readonly resolver: ModuleResolver;
  readonly #modules = new Map<string, { readonly text: string; readonly revision: number }>();
  #revision = 0;
  #roots: readonly string[] = [];
  #projectVersion = 1;

  constructor(options: LanguageHostOptions) {
    this.#options = options;
    this.#globals = join(options.kernelRoot, "resources", "globals.d.ts");
    this.resolver = new ModuleResolver(options.kernelRoot);
  }

  /** Add or replace a virtual module. */
  setModule(fileName: string, text: string): void {
    if (this.#modules.get(fileName)?.text === text) return;
    this.#revision++;
    this.#modules.set(fileName, { text, revision: this.#revision });
  }

  deleteModule(fileName: string): void {
    this.#modules.delete(fileName);
  }

  /** The text of a virtual module. */
  moduleText(fileName: string): string | undefined {
    return this.#modules.get(fileName)?.text;
  }

  /**
   * The modules to look at next; others are part of the program only when these import them. The service looks for
   * changes of files after this call, and at no other time.
   */
  setRoots(fileNames: readonly string[]): void {
    this.#roots = fileNames;
    this.#projectVersion++;
  }

  getProjectVersion(): string {
    return String(this.#projectVersion);
  }

  getScriptFileNames(): string[] {
    return [this.#globals, ...this.#roots];
  }

  getScriptVersion(fileName: string): string {
    const module = this.#modules.get(fileName);
    if (module) return String(module.revision);
    if (isLibrary(fileName)) return "library";
    return String(ts.sys.getModifiedTime?.(fileName)?.getTime() ?? "missing");
  }

  getScriptSnapshot(fileName: string): ts.IScriptSnapshot | undefined {
    // The service asks for every file of every program, and has parsed those of libraries before.
    if (isLibrary(fileName)) return ts.sys.fileExists(fileName) ? new LibraryText(fileName) : undefined;
    const text = this.readFile(fileName);
    return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
  }

  getCompilationSettings(): ts.CompilerOptions {
    return this.#options.compilerOptions;
  }

  getCurrentDirectory(): string {
    return this.#options.directory;
  }

  /** Left out, TypeScript would look for `notebooks/data` when the directory is called `Notebooks/Data`. */
  useCaseSensitiveFileNames(): boolean {
    return ts.sys.useCaseSensitiveFileNames;
  }

  getDefaultLibFileName(options: ts.CompilerOptions): string {
    return ts.getDefaultLibFilePath(options);
  }

  fileExists(path: string): boolean {
    return this.#modules.has(path) || ts.sys.fileExists(path);
  }

  readFile(path: string): string | undefined {
    return this.#modules.get(path)?.text ?? ts.sys.readFile(path);
  }

  directoryExists(path: string): boolean {
    return ts.sys.directoryExists(path);
  }

  getDirectories(path: string): string[] {
    return ts.sys.getDirectories(path);
  }

  readDirectory(path: string, ...rest: [extensions?: readonly string[], exclude?: readonly string[]]): string[] {
    return ts.sys.readDirectory(path, ...rest);
  }

  resolveModuleNameLiterals(
    literals: readonly ts.StringLiteralLike[],
    containingFile: string,
    _redirected: ts.ResolvedProjectReference | undefined,
    options: ts.CompilerOptions,
    sourceFile: ts.SourceFile,
  ): readonly ts.ResolvedModuleWithFailedLookupLocations[] {
    return literals.map((literal) => {
      const virtual = this.#virtualModule(literal.text);
      if (virtual) return { resolvedModule: virtual };
      const mode = ts.getModeForUsageLocation(sourceFile, literal, options);
      return this.resolver.resolveModule(literal.text, containingFile, mode, options);
    });
  }

  resolveTypeReferenceDirectiveReferences(
    references: readonly (ts.FileReference | string)[],
    containingFile: string,
    _redirected: ts.ResolvedProjectReference | undefined,
    options: ts.CompilerOptions,
    sourceFile: ts.SourceFile | undefined,
  ): readonly ts.ResolvedTypeReferenceDirectiveWithFailedLookupLocations[] {
    return references.map((reference) => {
      const name = typeof reference === "string" ? reference : reference.fileName;
      const mode = typeof reference === "string" ? undefined : reference.resolutionMode;
      return this.resolver.resolveTypes(name, containingFile, mode ?? sourceFile?.impliedNodeFormat, options);
    });
  }

  #virtualModule(specifier: string): ts.ResolvedModuleFull | undefined {
    if (!specifier.startsWith("./.cell-")) return undefined;
    const fileName = join(this.#options.directory, specifier);
    if (!this.#modules.has(fileName)) return undefined;
    const extension = fileName.endsWith("x") ? ts.Extension.Tsx : ts.Extension.Ts;
    return { resolvedFileName: fileName, extension, isExternalLibraryImport: false };
  }
}

/** A library's file, read when it is needed. */
class LibraryText implements ts.IScriptSnapshot {
  readonly #fileName: string;
  #text: string | undefined;

  constructor(fileName: string) {
    this.#fileName = fileName;
  }

  getText(start: number, end: number): string {
    return this.#read().slice(start, end);
  }

  getLength(): number {
    return this.#read().length;
  }

  getChangeRange(): undefined {
    return undefined;
  }

  #read(): string {
    this.#text ??= ts.sys.readFile(this.#fileName) ?? "";
    return this.#text;
  }
}
