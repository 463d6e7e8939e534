/**
 * The language service's program, as far as cells may join it as it stands. The service makes a program anew for every
 * change, and with it a type checker that merges the globals of all libraries: some 20 ms, where the check of a cell
 * takes one. But a module adds nothing to the globals, so the checker that is there can check it, too.
 *
 * TypeScript has no call for this. What the checker and the service ask a program about its files are methods of a plain
 * object, which are replaced here; the compiler's version is pinned, and what cannot join is left to the service.
 */
import ts from "typescript";
import { isAugmentation } from "./cell/top-level-names.ts";
import { isLibrary } from "./module-resolver.ts";

/** Members of the compiler that its types leave out. */
interface Internals {
  bindSourceFile(file: ts.SourceFile, options: ts.CompilerOptions): void;
}
/** What is asked of a program about its files. None of these uses `this`. */
interface FileMethods {
  getSourceFile: (fileName: string) => ts.SourceFile | undefined;
  getSourceFiles: () => readonly ts.SourceFile[];
  getResolvedModule: (file: ts.SourceFile, name: string, mode: ts.ResolutionMode) => Resolved | undefined;
  getResolvedModuleFromModuleSpecifier: (specifier: ts.StringLiteralLike, file?: ts.SourceFile) => Resolved | undefined;
}
interface SourceFileInternals extends ts.SourceFile {
  path: string;
  resolvedPath: string;
  originalFileName: string;
  version: string;
  imports: readonly ts.StringLiteralLike[];
  moduleAugmentations: readonly ts.Node[];
  ambientModuleNames: readonly string[];
  locals?: unknown;
}
type Resolved = ts.ResolvedModuleWithFailedLookupLocations;

/** What it needs of the language service's host. */
export interface ModuleSource {
  /** The text of a virtual module. */
  moduleText(fileName: string): string | undefined;
  getScriptVersion(fileName: string): string;
  resolveModuleNameLiterals(
    literals: readonly ts.StringLiteralLike[],
    containingFile: string,
    redirected: undefined,
    options: ts.CompilerOptions,
    sourceFile: ts.SourceFile,
  ): readonly Resolved[];
}

/** The checker keeps what it knows of every module; beyond this many it is time for a new one. */
const MAX_JOINED = 250;

/**
 * What joined a program since it was made, by file name. The service may come back to a program that was given back, and a
 * program keeps the errors of a file by its name: another text needs another name, or another program.
 */
const textsJoined = new WeakMap<ts.Program, Map<string, string>>();

interface Joined {
  readonly sourceFile: ts.SourceFile;
  /** By mode and specifier. */
  readonly resolved: ReadonlyMap<string, Resolved>;
}

export class GrowingProgram {
  readonly #program: ts.Program & FileMethods;
  readonly #source: ModuleSource;
  readonly #originals: FileMethods;
  readonly #joined = new Map<string, Joined>();
  readonly #texts: Map<string, string>;
  readonly #baseFiles: readonly ts.SourceFile[];
  /** Files of the user, which may change under a program. */
  readonly #userFiles: readonly SourceFileInternals[];
  /** Cells that change types for everybody: who joins must want every one of them. */
  readonly #augmenting: readonly string[];

  /** @param program - the service's; it grows until `release`. */
  constructor(program: ts.Program, source: ModuleSource) {
    this.#program = program as ts.Program & FileMethods;
    this.#source = source;
    this.#texts = textsJoined.get(program) ?? new Map<string, string>();
    textsJoined.set(program, this.#texts);
    this.#baseFiles = program.getSourceFiles();
    const isVirtual = ({ fileName }: ts.SourceFile) => source.moduleText(fileName) !== undefined || isCell(fileName);
    const ownFiles = this.#baseFiles.filter(({ fileName }) => !isLibrary(fileName)) as SourceFileInternals[];
    this.#userFiles = ownFiles.filter((file) => !isVirtual(file));
    this.#augmenting = ownFiles
      .filter((file) => isVirtual(file) && file.moduleAugmentations.length > 0)
      .map(({ fileName }) => fileName);
    const methods: FileMethods = this.#program;
    this.#originals = {
      getSourceFile: methods.getSourceFile,
      getSourceFiles: methods.getSourceFiles,
      getResolvedModule: methods.getResolvedModule,
      getResolvedModuleFromModuleSpecifier: methods.getResolvedModuleFromModuleSpecifier,
    };
    this.#replaceMethods();
  }

  /** Give the program back to the service as it was; it is about to be replaced. */
  release(): void {
    Object.assign(this.#program, this.#originals);
  }

  /** Is the module part of the program now, with all that it imports? `false`: only a new program can hold it. */
  join(fileName: string): boolean {
    if (this.#texts.size >= MAX_JOINED) return false;
    const isCurrent = this.#userFiles.every((file) => this.#source.getScriptVersion(file.fileName) === file.version);
    return isCurrent && this.#join(fileName, new Set(), this.#augmenting);
  }

  #join(fileName: string, visited: Set<string>, wanted: readonly string[]): boolean {
    if (visited.has(fileName)) return true;
    visited.add(fileName);
    const text = this.#source.moduleText(fileName);
    const known = this.#program.getSourceFile(fileName);
    const textBefore = known?.text ?? this.#texts.get(fileName) ?? text;
    if (text === undefined || text !== textBefore) return false;
    const file = (known ?? this.#parse(fileName, text)) as SourceFileInternals;
    if (!known && !canJoin(file)) return false;
    const targets = new Set<string>();
    const resolved = this.#joined.get(fileName)?.resolved ?? (known ? undefined : this.#resolve(file));
    for (const specifier of file.imports) {
      const target = (resolved?.get(this.#key(specifier, file)) ?? this.#resolvedInBase(specifier, file))
        ?.resolvedModule;
      if (!target || /\.[cm]?jsx?$/.test(target.resolvedFileName)) continue;
      const { resolvedFileName } = target;
      targets.add(resolvedFileName);
      const isThere = isCell(resolvedFileName)
        ? this.#join(resolvedFileName, visited, [])
        : this.#program.getSourceFile(resolvedFileName) !== undefined;
      if (!isThere) return false;
    }
    if (!wanted.every((augmenting) => targets.has(augmenting))) return false;
    if (!known && resolved) this.#add(file, resolved);
    return true;
  }

  #parse(fileName: string, text: string): ts.SourceFile {
    const options: ts.CreateSourceFileOptions = { languageVersion: ts.ScriptTarget.ESNext };
    const snapshot = ts.ScriptSnapshot.fromString(text);
    const version = this.#source.getScriptVersion(fileName);
    const file = ts.createLanguageServiceSourceFile(fileName, snapshot, options, version, true);
    const imports = importedSpecifiers(file);
    const path = ts.sys.useCaseSensitiveFileNames ? fileName : fileName.toLowerCase();
    const more = { path, resolvedPath: path, originalFileName: fileName, imports };
    return Object.assign(file, more, { moduleAugmentations: [], ambientModuleNames: [] });
  }

  #resolve(file: SourceFileInternals): ReadonlyMap<string, Resolved> {
    const options = this.#program.getCompilerOptions();
    const { fileName, imports } = file;
    const resolved = this.#source.resolveModuleNameLiterals(imports, fileName, undefined, options, file);
    return new Map(imports.map((specifier, index) => [this.#key(specifier, file), resolved[index] as Resolved]));
  }

  #key(specifier: ts.StringLiteralLike, file: ts.SourceFile): string {
    const mode = ts.getModeForUsageLocation(file, specifier, this.#program.getCompilerOptions());
    return keyOf(specifier.text, mode);
  }

  #resolvedInBase(specifier: ts.StringLiteralLike, file: ts.SourceFile): Resolved | undefined {
    return this.#originals.getResolvedModuleFromModuleSpecifier(specifier, file);
  }

  #add(sourceFile: ts.SourceFile, resolved: ReadonlyMap<string, Resolved>): void {
    (ts as unknown as Internals).bindSourceFile(sourceFile, this.#program.getCompilerOptions());
    this.#texts.set(sourceFile.fileName, sourceFile.text);
    this.#joined.set(sourceFile.fileName, { sourceFile, resolved });
  }

  #replaceMethods(): void {
    const joined = this.#joined;
    const original = this.#originals;
    const replaced: FileMethods = {
      getSourceFile: (fileName) => joined.get(fileName)?.sourceFile ?? original.getSourceFile(fileName),
      getSourceFiles: () => [...this.#baseFiles, ...[...joined.values()].map(({ sourceFile }) => sourceFile)],
      getResolvedModule: (file, name, mode) => {
        const known = joined.get(file.fileName);
        return known ? known.resolved.get(keyOf(name, mode)) : original.getResolvedModule(file, name, mode);
      },
      getResolvedModuleFromModuleSpecifier: (specifier, file = specifier.getSourceFile()) => {
        const known = joined.get(file.fileName);
        if (known) return known.resolved.get(this.#key(specifier, file));
        return original.getResolvedModuleFromModuleSpecifier(specifier, file);
      },
    };
    Object.assign(this.#program, replaced);
  }
}

function keyOf(specifier: string, mode: ts.ResolutionMode): string {
  return `${mode ?? ""}\n${specifier}`;
}

function isCell(fileName: string): boolean {
  return fileName.includes("/.cell-");
}

/** JSX and comments with references bring files of their own, and augmentations change what is known already. */
function canJoin(file: SourceFileInternals): boolean {
  const references = [file.referencedFiles, file.typeReferenceDirectives, file.libReferenceDirectives];
  if (file.fileName.endsWith("x") || references.some(({ length }) => length > 0)) return false;
  return ts.isExternalModule(file) && !file.statements.some(isAugmentation);
}

function importedSpecifiers(file: ts.SourceFile): readonly ts.StringLiteralLike[] {
  const found: ts.StringLiteralLike[] = [];
  const visit = (node: ts.Node): void => {
    const specifier = specifierOf(node);
    if (specifier && ts.isStringLiteralLike(specifier) && specifier.text !== "") found.push(specifier);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

function specifierOf(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isExternalModuleReference(node)) return node.expression;
  if (ts.isImportTypeNode(node)) return ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined;
  const isImportCall = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
  return isImportCall ? node.arguments[0] : undefined;
}
