import { builtinModules } from "node:module";
import { dirname, join } from "node:path";
import ts from "typescript";
import { importedModule } from "../core/npm-specifier.ts";
import { standInFor } from "../tslab/stand-ins.ts";

const BUILTIN_MODULES = new Set(builtinModules);

/**
 * What library files import from each other, by the options that matter. It is the same for every notebook, it was most
 * of the work on a first program, and a snapshot brings it along.
 */
const IN_LIBRARIES = new Map<string, Map<string, ts.ResolvedModuleWithFailedLookupLocations>>();

/**
 * Finds the modules that cells and their libraries import: from the notebook's directory, and what is not there from
 * the kernel's own package, so that `mobula` and the types of Node exist in any notebook. What was found stays found;
 * what is missing is looked for again each time, because the user may install it meanwhile.
 */
export class ModuleResolver {
  readonly #fallbackFile: string;
  readonly #modules = new Map<string, ts.ResolvedModuleWithFailedLookupLocations>();
  readonly #types = new Map<string, ts.ResolvedTypeReferenceDirectiveWithFailedLookupLocations>();

  /** @param kernelRoot - directory of the kernel's package. */
  constructor(kernelRoot: string) {
    this.#fallbackFile = join(kernelRoot, "notebook.ts");
  }

  resolveModule(
    written: string,
    containingFile: string,
    mode: ts.ResolutionMode,
    options: ts.CompilerOptions,
  ): ts.ResolvedModuleWithFailedLookupLocations {
    const specifier = importedModule(written);
    // Node prefers its own modules to packages of the same name; their types are ambient.
    if (specifier.startsWith("node:") || BUILTIN_MODULES.has(specifier)) return { resolvedModule: undefined };
    const key = `${dirname(containingFile)}\n${mode ?? ""}\n${specifier}`;
    const modules = isLibrary(containingFile) ? inLibraries(options) : this.#modules;
    const known = modules.get(key);
    if (known) return known;
    const resolve = (from: string, wanted = specifier) =>
      ts.resolveModuleName(wanted, from, options, ts.sys, undefined, undefined, mode);
    let found = resolve(containingFile);
    if (!found.resolvedModule && isBare(specifier) && !isLibrary(containingFile)) {
      found = resolve(this.#fallbackFile, standInFor(specifier));
    }
    if (isTyped(found.resolvedModule) || isLibrary(containingFile)) modules.set(key, found);
    return found;
  }

  resolveTypes(
    name: string,
    containingFile: string,
    mode: ts.ResolutionMode,
    options: ts.CompilerOptions,
  ): ts.ResolvedTypeReferenceDirectiveWithFailedLookupLocations {
    const key = `${dirname(containingFile)}\n${mode ?? ""}\n${name}`;
    const known = this.#types.get(key);
    if (known) return known;
    const resolve = (from: string, using: ts.CompilerOptions) =>
      ts.resolveTypeReferenceDirective(name, from, using, ts.sys, undefined, undefined, mode);
    let found = resolve(containingFile, options);
    // The kernel's own types lie where Node looks from its package, whatever roots the project names.
    if (!found.resolvedTypeReferenceDirective) found = resolve(this.#fallbackFile, withoutTypeRoots(options));
    if (found.resolvedTypeReferenceDirective) this.#types.set(key, found);
    return found;
  }
}

function inLibraries(options: ts.CompilerOptions): Map<string, ts.ResolvedModuleWithFailedLookupLocations> {
  const { paths, pathsBasePath, baseUrl, rootDirs, customConditions } = options;
  const { resolvePackageJsonExports, resolvePackageJsonImports, allowArbitraryExtensions, resolveJsonModule } = options;
  const places = { paths, pathsBasePath, baseUrl, rootDirs, customConditions };
  const ways = { resolvePackageJsonExports, resolvePackageJsonImports, allowArbitraryExtensions, resolveJsonModule };
  const key = JSON.stringify({ ...places, ...ways });
  const known = IN_LIBRARIES.get(key) ?? new Map<string, ts.ResolvedModuleWithFailedLookupLocations>();
  IN_LIBRARIES.set(key, known);
  return known;
}

function withoutTypeRoots(options: ts.CompilerOptions): ts.CompilerOptions {
  const others = { ...options };
  delete others.typeRoots;
  return others;
}

/** JavaScript alone may get its types later, by a package of `@types`. */
function isTyped(module: ts.ResolvedModuleFull | undefined): boolean {
  return module !== undefined && !/\.[cm]?jsx?$/.test(module.resolvedFileName);
}

function isBare(specifier: string): boolean {
  return !/^(?:\.{0,2}\/|\.{1,2}$|#|[a-z]+:)/i.test(specifier);
}

/** Files of packages do not change while a notebook runs. */
export function isLibrary(fileName: string): boolean {
  return fileName.includes("/node_modules/");
}
