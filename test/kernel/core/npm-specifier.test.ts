import { expect, test } from "vitest";
import { importedModule, npmSpec, npmSpecifiersIn, readNpmSpecifier } from "../../../kernel/src/core/npm-specifier.ts";

test.each([
  ["npm:lodash", { name: "lodash", module: "lodash" }],
  ["npm:/lodash@4", { name: "lodash", range: "4", module: "lodash" }],
  ["npm:lodash@^4.17/fp/map.js", { name: "lodash", range: "^4.17", module: "lodash/fp/map.js" }],
  ["npm:@observablehq/plot@latest", { name: "@observablehq/plot", range: "latest", module: "@observablehq/plot" }],
  ["npm:@scope/pkg/sub", { name: "@scope/pkg", module: "@scope/pkg/sub" }],
  ["npm:", undefined],
  ["npm:a b", undefined],
  ["lodash", undefined],
  ["node:fs", undefined],
])("%s", (specifier, read) => {
  expect(readNpmSpecifier(specifier)).toEqual(read);
  expect(importedModule(specifier)).toBe(read?.module ?? specifier);
});

test("imports of a cell are found in all their forms, and not in comments", () => {
  const code = `import a from "npm:one@1";
import * as b from 'npm:two'; import "npm:three";
export { c } from "npm:four";
const d = await import("npm:five@5.5/x");
// import e from "npm:not-this";
/**
 * import f from "npm:nor-this";
 */
const text = "npm:no-import";`;
  expect(npmSpecifiersIn(code).map(npmSpec)).toEqual(["one@1", "two", "three", "four", "five@5.5"]);
});
