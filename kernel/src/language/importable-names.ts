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

/** What was read of a module. A snapshot holds it for the processes that start from it. */
interface ReadModule {
  /** Time of the file's last change. */
  readonly modifiedMs: number;
  readonly names: readonly ImportableName[];
}
const READ = new Map<string, ReadModule>();

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
    const key = `${specifier}\n${found.resolvedFileName}`;
    const modifiedMs = ts.sys.getModifiedTime?.(found.resolvedFileName)?.getTime() ?? 0;
    const known = READ.get(key);
    const names =
      known?.modifiedMs === modifiedMs
        ? known.names
        : exportedNames(found.resolvedFileName, specifier, compilerOptions);
    READ.set(key, { modifiedMs, names });
    for (const name of names) this.#byName.set(name.name, [...(this.#byName.get(name.name) ?? []), name]);
  }
}

function exportedNames(fileName: string, specifier: string, compilerOptions: ts.CompilerOptions): ImportableName[] {
  const options: ts.CompilerOptions = { ...compilerOptions, noLib: true, types: [] };
  const program = ts.createProgram([fileName], options, ownFilesHost(options));
  const checker = program.getTypeChecker();
  const sourceFile = program.getSourceFile(fileName);
  const module = sourceFile && checker.getSymbolAtLocation(sourceFile);
  if (!module) return [];
  return checker.getExportsOfModule(module).flatMap((symbol) => {
    const { name } = symbol;
    if (name === "default" || name.startsWith("_") || !/^[\p{ID_Start}$]/u.test(name)) return [];
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    return [{ name, specifier, kind: kindOf(target) }];
  });
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
