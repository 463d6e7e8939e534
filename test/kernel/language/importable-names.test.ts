import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { importEdit } from "../../../kernel/src/language/importable-names.ts";
import type { CompletionItem, TextEdit } from "../../../kernel/src/protocol/language-comm.ts";
import { Notebook } from "./notebook.ts";

let notebook: Notebook;
beforeAll(() => {
  notebook = new Notebook({
    "package.json": '{ "dependencies": { "shapes": "1", "gone": "1", "untyped": "1" } }',
    "node_modules/shapes/package.json": '{ "name": "shapes", "types": "index.d.ts" }',
    "node_modules/shapes/index.d.ts": `export declare class ShapeBox {} export interface ShapeLike {}
export declare function shapeOf(x: number): ShapeLike; export { shapeOf as default, shapeOf as shapeTask };`,
    "node_modules/untyped/index.js": "exports.shapeless = 1",
  });
  for (const step of notebook.language.warmUpSteps()) step();
});
afterAll(() => notebook[Symbol.dispose]());

function complete(code: string, withImports = true): readonly CompletionItem[] {
  return notebook.language.complete({ code, offset: code.length, withImports }).items;
}

function apply(code: string, { start, length, text }: TextEdit): string {
  return code.slice(0, start) + text + code.slice(start + length);
}

describe("completions of names that are not imported yet", () => {
  test("come from mobula and from the packages of the project", () => {
    expect(complete("shape")).toEqual(
      ["shapeOf", "shapeTask"].map((text) => ({
        text,
        kind: "function",
        signature: `import { ${text} } from "shapes"`,
        from: {
          specifier: "shapes",
          edit: { start: 0, length: 0, text: `import { ${text} } from "shapes";\n`.replace("\\\n", "\n") },
        },
      })),
    );
    expect(complete("let x: Shape")).toMatchObject([
      { text: "ShapeBox", kind: "class" },
      { text: "ShapeLike", kind: "interface" },
    ]);
    expect(complete("const square = tas")).toContainEqual(
      expect.objectContaining({ text: "task", from: expect.objectContaining({ specifier: "mobula" }) }),
    );
    expect(complete("init")).toContainEqual(expect.objectContaining({ text: "init" }));
  });

  test("are offered only where they are wanted, and where a name may stand", () => {
    expect(complete("shape", false)).toEqual([]);
    expect(complete("s").filter(({ from }) => from)).toEqual([]);
    expect(complete("const o = { a: 1 }; o.sha")).toEqual([]);
    expect(complete("'sha")).toEqual([]);
  });

  test("give way to names in scope", () => {
    const items = complete("const shapeOf = 1; shapeO");
    expect(items).toMatchObject([{ text: "shapeOf", kind: "const" }]);
    expect(items[0]).not.toHaveProperty("from");
  });

  test("are quick fixes, too", () => {
    const cells = [{ id: "a", code: "await task(() => 1)()" }];
    const [error] = notebook.language.diagnose({ cells, cellId: "a", check: "error" });
    expect(error?.fixes[0]).toEqual({
      title: 'Add import from "mobula"',
      edits: [{ start: 0, length: 0, text: 'import { task } from "mobula";\n' }],
    });
  });
});

test.each([
  ["task(1)", 'import { task } from "mobula";\ntask(1)'],
  ["// about\n\ntask(1)", '// about\n\nimport { task } from "mobula";\ntask(1)'],
  ['import { init } from "mobula";\ntask(1)', 'import { init, task } from "mobula";\ntask(1)'],
  ["import { init, } from 'mobula'", "import { init, task } from 'mobula'"],
  ["import {} from 'mobula'", "import { task } from 'mobula'"],
  ['import {\n  init,\n  get,\n} from "mobula"', 'import {\n  init,\n  get, task } from "mobula"'],
  ['import * as m from "mobula";', 'import { task } from "mobula";\nimport * as m from "mobula";'],
])("the import goes into %j", (code, expected) => {
  expect(apply(code, importEdit(code, { name: "task", specifier: "mobula", kind: "function" }))).toBe(expected);
});
