/** Module hooks, on the loader's thread: names of a runtimeEnv's packages are looked up in its folder. */

export interface PackageHooksData {
  readonly names: readonly string[];
  /** A file beside the packages, which need not exist. */
  readonly parentURL: string;
}

interface Context {
  readonly parentURL?: string;
}

type Resolve = (specifier: string, context: Context) => unknown;

let names: readonly string[] = [];
let packagesUrl = "";

export function initialize(data: PackageHooksData): void {
  names = data.names;
  packagesUrl = data.parentURL;
}

export function resolve(specifier: string, context: Context, next: Resolve): unknown {
  if (!isOfPackages(names, specifier, context.parentURL ?? "")) return next(specifier, context);
  return next(specifier, { ...context, parentURL: packagesUrl });
}

/** Does user code in `importer` mean one of the packages? What packages import themselves is not changed. */
export function isOfPackages(packages: readonly string[], specifier: string, importer: string): boolean {
  if (importer.includes("/node_modules/")) return false;
  return packages.some((name) => specifier === name || specifier.startsWith(`${name}/`));
}
