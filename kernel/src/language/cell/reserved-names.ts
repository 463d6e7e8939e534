/**
 * Names a cell may declare although a global of the same name exists. Such a name lives under another property of the
 * global object, so that libraries which use `crypto` or `URL` keep finding the built-in one.
 */

/** What the session defines for every notebook; declared in `resources/globals.d.ts`. */
export const NOTEBOOK_HELPERS: readonly string[] = [
  "display",
  "html",
  "md",
  "svg",
  "latex",
  "image",
  "json",
  "table",
  "plotly",
  "widget",
  "clearOutput",
  "prompt",
  "confirm",
  "input",
  "require",
  "$importMeta",
];

/** U+01C3, a letter that looks like an exclamation mark and that nobody types. */
export const RESERVED_PREFIX = "\u01C3";

const RESERVED = new Set([...globalNames(), ...NOTEBOOK_HELPERS]);

/** The property of the global object that holds a cell's top-level `name`. */
export function globalNameOf(name: string): string {
  return RESERVED.has(name) ? RESERVED_PREFIX + name : name;
}

/** Own and inherited: `hasOwnProperty` or `toString` on the global object would be found by libraries as well. */
function globalNames(): string[] {
  const names: string[] = [];
  for (
    let object: object | null = globalThis;
    object !== null;
    object = Object.getPrototypeOf(object) as object | null
  ) {
    names.push(...Object.getOwnPropertyNames(object));
  }
  return names;
}
