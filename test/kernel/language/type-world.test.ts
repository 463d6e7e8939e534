/** What every kind of declaration means to other cells, whatever happens to the cell that holds it. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Notebook } from "./notebook.ts";

/** One for all tests, because its compiler is warm; each test leaves it without names. */
let notebook: Notebook;
const used = new Set<string>();
beforeAll(() => {
  notebook = new Notebook();
});
afterEach(() => {
  notebook.language.forget([...used]);
  used.clear();
});
afterAll(() => notebook[Symbol.dispose]());

/** Run a cell, to be forgotten after the test. */
function run(code: string, options: { readonly cellId?: string } = {}): void {
  const { cellId = `cell-${used.size}` } = options;
  used.add(cellId);
  notebook.run(code, { cellId });
}

/** A declaration of `it`, another one, an expression that is right with either, and its types. */
interface Kind {
  readonly kind: string;
  readonly before: string;
  readonly after: string;
  readonly use: string;
  readonly types: readonly [before: string, after: string];
}

const KINDS: readonly Kind[] = [
  {
    kind: "const",
    before: "const it = { a: 1 }",
    after: "const it = { a: 'x' }",
    use: "it.a",
    types: ["number", "string"],
  },
  { kind: "let", before: "let it = [1]", after: "let it = ['x']", use: "it[0]!", types: ["number", "string"] },
  {
    kind: "class",
    before: "class it<T = number> { a!: T }",
    after: "class it { a = 'x' }",
    use: "new it().a",
    types: ["number", "string"],
  },
  {
    kind: "type",
    before: "type it = number[]",
    after: "type it = string[]",
    use: "(null! as it)[0]!",
    types: ["number", "string"],
  },
  {
    kind: "interface",
    before: "interface it { a: number }",
    after: "interface it { a: string }",
    use: "(null! as it).a",
    types: ["number", "string"],
  },
  {
    kind: "enum",
    before: "enum it { A }",
    after: "enum it { A = 'x' }",
    use: "it.A.valueOf()",
    types: ["number", "string"],
  },
  {
    kind: "function",
    before: "function it() { return 1 }",
    after: "async function it() { return 1 }",
    use: "it()",
    types: ["number", "Promise<number>"],
  },
  {
    kind: "namespace",
    before: "namespace it { export const a = 1 as number }",
    after: "namespace it { export const a = 'x' as string }",
    use: "it.a",
    types: ["number", "string"],
  },
  {
    kind: "import",
    before: 'import { sep as it } from "node:path"',
    after: 'import { totalmem as it } from "node:os"',
    use: "it",
    types: ['"\\\\" | "/"', "() => number"],
  },
  {
    kind: "import of a type",
    before: 'import type { ParsedPath as it } from "node:path"',
    after: 'import type { Abortable as it } from "node:events"',
    use: "null! as it[keyof it]",
    types: ["string", "AbortSignal | undefined"],
  },
];

describe.each(KINDS)("$kind", ({ before, after, use, types: [typeBefore, typeAfter] }) => {
  test("declared again in another cell, the newest counts", () => {
    run(before, { cellId: "a" });
    expect(notebook.typeOf(use)).toBe(typeBefore);
    run(after, { cellId: "b" });
    expect(notebook.typeOf(use)).toBe(typeAfter);
    expect(notebook.errors(use)).toEqual([]);
  });

  test("its cell runs again, with the same text and with another", () => {
    run(before, { cellId: "a" });
    run(before, { cellId: "a" });
    expect(notebook.typeOf(use)).toBe(typeBefore);
    run(after, { cellId: "a" });
    expect(notebook.typeOf(use)).toBe(typeAfter);
  });

  test("its cell is deleted, or no longer declares it", () => {
    run(before, { cellId: "a" });
    notebook.language.forget(["a"]);
    expect(notebook.errors(use)).not.toEqual([]);
    run(after, { cellId: "b" });
    run("export {}", { cellId: "b" });
    expect(notebook.errors(use)).not.toEqual([]);
  });

  test("cells out of order: what ran last counts, wherever it stands", () => {
    run(after, { cellId: "below" });
    run(before, { cellId: "above" });
    expect(notebook.typeOf(use)).toBe(typeBefore);
    run(after, { cellId: "below" });
    expect(notebook.typeOf(use)).toBe(typeAfter);
  });

  test("a cell with an error, or one that is not run, leaves it as it is", () => {
    run(before, { cellId: "a" });
    expect(notebook.errors(`${after}\nconst wrong: number = 'x'`, "a")).toHaveLength(1);
    expect(notebook.compile(`${after}\nconst = 1`, { cellId: "a" }).cell).toBeUndefined();
    notebook.compile(after, { cellId: "a" });
    expect(notebook.typeOf(use)).toBe(typeBefore);
  });

  test("before it runs, its text counts for the cells below it", () => {
    run(before, { cellId: "a" });
    const cells = [
      { id: "a", code: after },
      { id: "b", code: `const found = ${use}` },
    ];
    const code = cells[1]?.code ?? "";
    const hover = notebook.language.inspect({ code, offset: 7, notebook: { cells, cellId: "b" } });
    expect(hover?.text).toBe(`const found: ${typeAfter}`);
    expect(notebook.typeOf(use)).toBe(typeBefore);
  });
});

describe("values of earlier versions", () => {
  test("an old instance is not one of the new class", () => {
    run("class P { #id = 1; x = 1 }\nconst old = new P()", { cellId: "a" });
    run("class P { #id = 1; x = 1 }", { cellId: "b" });
    expect(notebook.errors("const p: P = old")).toEqual([
      "Type 'P' is not assignable to type 'P'.\n  Property '#id' in type 'P' refers to a different member that cannot be accessed from within type 'P'.\nTypes of one name here come from different cells, or from different versions of a cell.",
    ]);
    expect(notebook.errors("old.x.toFixed()")).toEqual([]);
  });

  test("a generic function, what it made, and a class that extends an old one", () => {
    run("class Box<T> { constructor(readonly value: T) {} }\nconst box = <const T,>(value: T) => new Box(value)");
    run("class Labelled<T> extends Box<T> { label = 'x' }");
    run("class Box { nothing = true }");
    expect(notebook.typeOf("box(['a', 1]).value")).toBe('readonly ["a", 1]');
    expect(notebook.typeOf("new Labelled({ deep: 1 }).value.deep")).toBe("number");
    expect(notebook.errors("box(1).nothing")).toHaveLength(1);
  });

  test("types that nobody can write down", () => {
    run("const secret = Symbol('s')\nfunction make() { class Hidden { [secret] = 1; static n = 2 } return Hidden }");
    run("const Hidden = make(); const hidden = new Hidden()");
    expect(notebook.typeOf("hidden[secret] + Hidden.n")).toBe("number");
    expect(notebook.errors("hidden[Symbol('other')]")).toHaveLength(1);
  });

  test("`as const` and `satisfies` arrive as they are", () => {
    run("const grid = { lr: [0.1, 0.01], name: 'a' } as const satisfies Record<string, unknown>");
    expect(notebook.typeOf("grid.lr[1]")).toBe("0.01");
    expect(notebook.errors("grid.name satisfies 'a'; grid.lr = null!")).toHaveLength(1);
  });
});

describe("syntax", () => {
  test("decorators of one cell on classes of another", () => {
    run(
      "function logged<T extends new (...args: never[]) => object>(base: T, context: ClassDecoratorContext) { return base }",
    );
    run(
      "@logged class Service { @bound run() { return 1 } }\nfunction bound(f: () => number, c: ClassMethodDecoratorContext) { return f }",
    );
    expect(notebook.typeOf("new Service().run()")).toBe("number");
    expect(notebook.errors("@logged class Wrong { @logged x = 1 }")).not.toEqual([]);
  });

  test("JSX with components of other cells", () => {
    run(
      "declare global { namespace JSX { type Element = { tag: unknown }; interface IntrinsicElements { b: { id?: string } } } }\nconst React = { createElement: (tag: unknown, ...rest: unknown[]): JSX.Element => ({ tag }) }",
    );
    run("const Title = (props: { text: string }) => <b>{props.text}</b>");
    expect(notebook.errors('const page = <Title text="x" />')).toEqual([]);
    expect(notebook.errors("const page = <Title text={1} />")).toEqual([
      "Type 'number' is not assignable to type 'string'.",
    ]);
  });

  test("`using` and `await using` end with their cell; what they made stays", () => {
    run(
      "class Handle { size = 1; [Symbol.dispose]() {} async [Symbol.asyncDispose]() {} }\nusing one = new Handle()\nawait using two = new Handle()\nconst size = one.size + two.size",
    );
    expect(notebook.typeOf("size")).toBe("number");
    expect(notebook.errors("one; two")).toEqual(["Cannot find name 'one'.", "Cannot find name 'two'."]);
  });

  test("a namespace of another cell, merged with a class of its own cell", () => {
    run(
      "class Shape { static unit = 'm' }\nnamespace Shape { export interface Options { size: number } export enum Kind { A } }",
    );
    expect(notebook.errors("const o: Shape.Options = { size: 1 }; Shape.Kind.A; Shape.unit; new Shape()")).toEqual([]);
    expect(notebook.errors("const o: Shape.Options = { size: 'x' }")).toHaveLength(1);
  });
});

describe("files beside the notebook", () => {
  test("the nearest tsconfig.json counts, not one further up", () => {
    using project = new Notebook({
      "tsconfig.json": '{ "compilerOptions": { "noUncheckedIndexedAccess": true } }',
    });
    expect(project.errors("const n: number = [1][0]")).toHaveLength(1);
    project.write("inner/tsconfig.json", '{ "compilerOptions": { "strictNullChecks": false } }');
    using inner = Notebook.at(`${project.directory}/inner`);
    expect(inner.errors("const n: number = [1][0]; const s: string = null")).toEqual([]);
  });

  test("`paths` find types, and an edited file has its new ones at once", () => {
    using project = new Notebook({
      "tsconfig.json": '{ "compilerOptions": { "paths": { "~/*": ["./src/*"] } } }',
      "src/model.ts": 'import { size } from "~/settings"\nexport const model = { size }',
      "src/settings.ts": "export const size = 1 as number",
    });
    project.run('import { model } from "~/model"');
    expect(project.typeOf("model.size")).toBe("number");
    project.write("src/settings.ts", "export const size = 'large' as string");
    expect(project.typeOf("model.size")).toBe("string");
  });
});
