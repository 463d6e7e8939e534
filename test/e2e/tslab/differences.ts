/**
 * Where this kernel means to differ from tslab 1.0.22. Every row is a decision; `docs/from-tslab.md` has the same rows for
 * users.
 */
export interface Difference {
  readonly tslab: string;
  readonly here: string;
  /** tslab's outcome → this kernel's, for all cells of the row. */
  readonly outcomes: string;
  /** "notebook/cell" of the corpus. */
  readonly cells: readonly string[];
}

export const DIFFERENCES: readonly Difference[] = [
  {
    tslab: "shows no `null`, and objects three levels deep",
    here: "shows `null`, and deep objects",
    outcomes: "ok → ok",
    cells: ["values/null", "values/nested object"],
  },
  {
    tslab: "calls an arrow function at the end of a cell `tsLastExpr`",
    here: "shows it without a name",
    outcomes: "ok → ok",
    cells: ["values/function value"],
  },
  {
    tslab: "shows a promise at the end of a cell as it is",
    here: "waits for it and shows its value",
    outcomes: "ok → ok",
    cells: ["values/promise", "promises/not awaited", "promises/settled before"],
  },
  {
    tslab: "checks without `strict`: `any` where a type is missing, no check of `null`",
    here: "checks with `strict`; a `tsconfig.json` beside the notebook or `// @check off` in a cell says otherwise",
    outcomes: "ok → refused",
    cells: [
      "declaring and declaring again/var used before its declaration",
      "closures over names/generator",
      "types/implicit any",
      "types/uninitialised",
      "types/catch variable",
      "other syntax/strict mode",
    ],
  },
  {
    tslab: "so a `null` may come out only when the cell runs",
    here: "refuses the cell before it runs",
    outcomes: "threw → refused",
    cells: ["types/null check"],
  },
  {
    tslab: "takes no notice of `// @ts-nocheck`",
    here: "runs such a cell unchecked",
    outcomes: "refused → ok",
    cells: ["types/ts-nocheck"],
  },
  {
    tslab: "TypeScript 5.0 and the types of Node 18",
    here: "TypeScript 6.0 and the types of Node 20: `using`, `toSorted`, `crypto`",
    outcomes: "refused → ok",
    cells: ["types/using", "types/new array methods", "process and globals/crypto"],
  },
  {
    tslab: "gives an object of a class that was declared again the type of the new class",
    here: "a value keeps the type that it was made with",
    outcomes: "refused → ok",
    cells: ["declaring and declaring again/an old instance keeps its type"],
  },
  {
    tslab: "functions keep what a variable or a function was when they were declared",
    here: "functions see the newest value, also of a name that a later cell declares again",
    outcomes: "ok → ok",
    cells: [
      "closures over names/a later assignment is seen",
      "closures over names/a later declaration",
      "closures over names/a helper declared again",
    ],
  },
  {
    tslab: "keeps names of cells off `globalThis`; `this` at the top of a cell is an object",
    here: "names of cells are properties of `globalThis`; `this` at the top of a cell is `undefined`, as in a module",
    outcomes: "ok → ok",
    cells: ["closures over names/this at the top", "closures over names/names on globalThis"],
  },
  {
    tslab: "forgets all names of a cell that throws",
    here: "keeps those that had their value",
    outcomes: "refused → ok",
    cells: ["errors/is it kept", "errors/is that kept"],
  },
  {
    tslab: "names an error outside of cells `UncaughtException` or `UnhandledPromiseRejection`, with frames of tslab",
    here: "`Uncaught Error` or `Unhandled rejection`, with the line of the cell",
    outcomes: "ok → ok",
    cells: ["errors/late error", "errors/unhandled rejection"],
  },
  {
    tslab: "no `for await` at the top of a cell",
    here: "there is",
    outcomes: "threw → ok",
    cells: ["promises/for await"],
  },
  {
    tslab: "promise callbacks come before `process.nextTick`, as in a module",
    here: "`process.nextTick` comes first, as in a script",
    outcomes: "ok → ok",
    cells: ["promises/queueMicrotask and nextTick"],
  },
  {
    tslab: "prints what a cell prints after its end under the newest cell",
    here: "under the cell that prints it",
    outcomes: "ok → ok",
    cells: ["promises/seen by the next cell"],
  },
  {
    tslab: "cannot `export` from a cell, nor `import x = require()`",
    here: "`export` changes nothing about a declaration; `import x = require()` is an import",
    outcomes: "refused → ok",
    cells: ["modules/import = require", "modules/export", "modules/exported name later", "modules/export function"],
  },
  {
    tslab: "shows nothing of `export default`",
    here: "shows its value",
    outcomes: "ok → ok",
    cells: ["modules/export default"],
  },
  {
    tslab: "cannot load packages that are ES modules only, and knows no `import.meta`",
    here: "loads them; `import.meta` and `__dirname` speak of the notebook's folder",
    outcomes: "threw → ok",
    cells: ["modules/ES module package", "modules/import.meta"],
  },
  {
    tslab: "has `exports`, and no `__dirname`",
    here: "has `__dirname`, and no `exports`",
    outcomes: "ok → ok",
    cells: ["modules/__dirname", "modules/module"],
  },
  {
    tslab: 'a cell that begins with `/** @module name */` is a module: `import { x } from "./name"`',
    here: "is an ordinary cell: leave the import out, later cells know its names",
    outcomes: "ok → refused",
    cells: ["modules/import of a virtual module"],
  },
  {
    tslab: "experimental decorators",
    here: "standard decorators; `experimentalDecorators` in a `tsconfig.json` beside the notebook for the older ones",
    outcomes: "ok → refused",
    cells: ["other syntax/decorator"],
  },
  {
    tslab: "refuses the `#!` line of a script",
    here: "takes it for a comment",
    outcomes: "refused → ok",
    cells: ["other syntax/hashbang"],
  },
  {
    tslab: "no JSX",
    here: "JSX, with a library that has types for it",
    outcomes: "refused → refused",
    cells: ["other syntax/JSX"],
  },
  {
    tslab: "words errors as TypeScript 5.0 does",
    here: "as TypeScript 6.0 does; `%name` and `!name` are told apart from TypeScript",
    outcomes: "refused → refused",
    cells: [
      "other syntax/standard decorator",
      "other syntax/octal",
      "other syntax/shell magic",
      "other syntax/percent magic",
    ],
  },
  {
    tslab: "ends with a cell that calls `process.exit`",
    here: "the kernel stays; variables are lost",
    outcomes: "ended → threw",
    cells: ["the end of the process/process.exit"],
  },
];
