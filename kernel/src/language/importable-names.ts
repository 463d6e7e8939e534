/** Names that a cell could import: what `mobula` and the packages of the notebook's project export. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import type { TextEdit } from "../protocol/language-comm.ts";
import { importOffset } from "./import-offset.ts";
import type { ModuleResolver } from "./module-resolver.ts";

export interface ImportableName {
  readonly name: string;
  readonly specifier: string;
  /** As completions say it: `function`, `class`, `type` … */
  readonly kind: string;
}

export interface ImportableNamesOptions {
  readonly directory: string;
  readonly resolver: ModuleResolver;
  readonly compilerOptions: ts.CompilerOptions;
}

/** Packages of a project beyond this are not read: what they export would bury the rest. */
const MAX_PACKAGES = 60;

/** Kernel and runtime know each other by name only, so the entries of the runtime stand here. */
const MOBULA_ENTRIES = ["mobula", "mobula/data", "mobula/train", "mobula/tune", "mobula/serve", "mobula/rl"];

export class ImportableNames {
  readonly #options: ImportableNamesOptions;
  readonly #byName = new Map<string, ImportableName[]>();

  constructor(options: ImportableNamesOptions) {
    this.#options = options;
  }

  /** Reads one module each; what cannot be found, or has no types, offers nothing. */
  readSteps(): (() => void)[] {
    const specifiers = [...MOBULA_ENTRIES, ...this.#projectPackages()].slice(0, MAX_PACKAGES);
    return [...new Set(specifiers)].map((specifier) => () => this.#read(specifier));
  }

  /** The modules that export a name, `mobula` first. */
  find(name: string): readonly ImportableName[] {
    return this.#byName.get(name) ?? [];
  }

  /** Names that begin with `prefix`, in the order of the alphabet. */
  startingWith(prefix: string, limit: number): ImportableName[] {
    const names = [...this.#byName.keys()].filter((name) => name.startsWith(prefix)).sort();
    return names.flatMap((name) => this.find(name)).slice(0, limit);
  }

  /** Dependencies of the nearest `package.json`; what it needs for development is not for notebooks. */
  #projectPackages(): string[] {
    const path = ts.findConfigFile(this.#options.directory, (file) => ts.sys.fileExists(file), "package.json");
    if (!path) return [];
    try {
      const { dependencies } = JSON.parse(readFileSync(path, "utf8")) as Record<string, object>;
      return Object.keys({ ...dependencies }).filter((name) => !name.startsWith("@types/"));
    } catch {
      return []; // a package.json that is being written; the names are a convenience
    }
  }

  #read(specifier: string): void {
    const { directory, resolver, compilerOptions } = this.#options;
    const from = join(directory, "cell.ts");
    const found = resolver.resolveModule(specifier, from, ts.ModuleKind.ESNext, compilerOptions).resolvedModule;
    if (!found || !/\.d\.[cm]?ts$|\.tsx?$/.test(found.resolvedFileName)) return;
    const options: ts.CompilerOptions = { ...compilerOptions, noLib: true, types: [] };
    const program = ts.createProgram([found.resolvedFileName], options, ownFilesHost(options));
    const sourceFile = program.getSourceFile(found.resolvedFileName);
    const module = sourceFile && program.getTypeChecker().getSymbolAtLocation(sourceFile);
    if (!module) return;
    for (const symbol of program.getTypeChecker().getExportsOfModule(module)) {
      this.#add(program.getTypeChecker(), symbol, specifier);
    }
  }

  #add(checker: ts.TypeChecker, symbol: ts.Symbol, specifier: string): void {
    const { name } = symbol;
    if (name === "default" || name.startsWith("_") || !/^[\p{ID_Start}$]/u.test(name)) return;
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    const known = this.#byName.get(name) ?? [];
    this.#byName.set(name, [...known, { name, specifier, kind: kindOf(target) }]);
  }
}

/** Reads a package's own files and nothing else: for the names that it exports no other types are needed. */
function ownFilesHost(options: ts.CompilerOptions): ts.CompilerHost {
  const host = ts.createCompilerHost(options);
  host.resolveModuleNameLiterals = (literals, containingFile) =>
    literals.map(({ text }) =>
      text.startsWith(".") ? ts.resolveModuleName(text, containingFile, options, host) : { resolvedModule: undefined },
    );
  host.resolveTypeReferenceDirectiveReferences = (references) =>
    references.map(() => ({ resolvedTypeReferenceDirective: undefined }));
  return host;
}

function kindOf({ flags }: ts.Symbol): string {
  if (flags & ts.SymbolFlags.Class) return ts.ScriptElementKind.classElement;
  if (flags & ts.SymbolFlags.Function) return ts.ScriptElementKind.functionElement;
  if (flags & ts.SymbolFlags.Enum) return ts.ScriptElementKind.enumElement;
  if (flags & ts.SymbolFlags.Variable) return ts.ScriptElementKind.constElement;
  if (flags & ts.SymbolFlags.Interface) return ts.ScriptElementKind.interfaceElement;
  if (flags & ts.SymbolFlags.TypeAlias) return ts.ScriptElementKind.typeElement;
  return ts.ScriptElementKind.moduleElement;
}

/** The edit that imports a name into a cell: into its braces of the same module, or as a new line on top. */
export function importEdit(code: string, { name, specifier }: ImportableName): TextEdit {
  const module = specifier.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const braces = new RegExp(`^([ \\t]*import\\s*\\{[^}]*?)(\\s*,?\\s*)\\}\\s*from\\s*["']${module}["']`, "m").exec(
    code,
  );
  if (!braces) return { start: importOffset(code), length: 0, text: `import { ${name} } from "${specifier}";\n` };
  const [, list = "", tail = ""] = braces;
  const separator = list.trimEnd().endsWith("{") ? " " : ", ";
  return { start: braces.index + list.length, length: tail.length, text: `${separator}${name} ` };
}
