/** `npm:lodash@4/fp`: names of packages that are installed when a cell first imports them. */

export interface NpmSpecifier {
  /** Of the package: `@scope/pkg`. */
  readonly name: string;
  /** A version, a range or a tag; the newest when absent. */
  readonly range?: string;
  /** What is imported when the package is there: `lodash/fp`. */
  readonly module: string;
}

const SPECIFIER = /^npm:\/?(?<name>(?:@[\w.~-]+\/)?[\w.~-]+)(?:@(?<range>[^/]+))?(?<path>\/.*)?$/;
/** Static and dynamic imports. */
const IMPORT = /\b(?:from|import)\s*\(?\s*(["'])(?<specifier>npm:[^"'\s]+)\1/g;
const COMMENT_LINE = /^\s*(?:\/\/|\*).*$/gm;

/** @returns undefined when it is another kind of specifier. */
export function readNpmSpecifier(specifier: string): NpmSpecifier | undefined {
  if (!specifier.startsWith("npm:")) return undefined;
  const { name, range, path = "" } = SPECIFIER.exec(specifier)?.groups ?? {};
  if (name === undefined) return undefined;
  return { name, module: name + path, ...(range === undefined ? {} : { range }) };
}

/** What Node and TypeScript look for when this is imported. */
export function importedModule(specifier: string): string {
  return readNpmSpecifier(specifier)?.module ?? specifier;
}

/** Packages that a cell's text imports by such names. */
export function npmSpecifiersIn(code: string): NpmSpecifier[] {
  if (!code.includes("npm:")) return [];
  const specifiers = Array.from(code.replaceAll(COMMENT_LINE, "").matchAll(IMPORT), ({ groups }) =>
    readNpmSpecifier(groups?.specifier ?? ""),
  );
  return specifiers.filter((found) => found !== undefined);
}

/** As npm takes it. */
export function npmSpec({ name, range }: NpmSpecifier): string {
  return range === undefined ? name : `${name}@${range}`;
}
