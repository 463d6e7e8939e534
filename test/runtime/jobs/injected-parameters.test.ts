import { tmpdir } from "node:os";
import { describe, expect, test } from "vitest";
import { injectParameters, parseGivenParameter } from "../../../runtime/src/jobs/injected-parameters.ts";
import { type Notebook, parseNotebook, tagsOf } from "../../../runtime/src/jobs/notebook.ts";

function notebookWith(...cells: { source: string; tags?: string[] }[]): Notebook {
  const full = cells.map(({ source, tags = [] }, index) => ({
    cell_type: "code",
    id: `c${index}`,
    metadata: { tags },
    source,
    outputs: [],
    execution_count: null,
  }));
  return parseNotebook(JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells: full }), "nb");
}

function withParameters(source: string): Notebook {
  return notebookWith({ source: "1" }, { source, tags: ["parameters"] }, { source: "2" });
}

function inject(notebook: Notebook, ...given: string[]) {
  return injectParameters(notebook, given.map(parseGivenParameter), tmpdir());
}

/** The injected cell's text for one parameter. */
async function injectedFor(declaration: string, given: string): Promise<string | undefined> {
  const notebook = withParameters(declaration);
  await inject(notebook, given);
  return notebook.cells[2]?.source.replace("// Parameters\n", "");
}

describe("what is injected", () => {
  test("stands in a tagged cell right behind the parameters, and its values come back for the metadata", async () => {
    const notebook = withParameters("let blocks = 4;\nconst name = 'x';");
    expect(await inject(notebook, "name=é", "blocks=8")).toEqual({ blocks: 8, name: "é" });
    expect(notebook.cells.map((cell) => cell.source)).toEqual([
      "1",
      "let blocks = 4;\nconst name = 'x';",
      '// Parameters\nblocks = 8;\nconst name: string = "é";',
      "2",
    ]);
    expect(notebook.cells[2]).toMatchObject({ id: "injected-parameters", cell_type: "code", outputs: [] });
    expect(tagsOf(notebook.cells[2] ?? notebook.cells[0]!)).toEqual(["injected-parameters"]);
  });

  test("replaces what an earlier run injected", async () => {
    const notebook = withParameters("let blocks = 4;");
    await inject(notebook, "blocks=8");
    await inject(notebook, "blocks=9");
    expect(notebook.cells.map((cell) => cell.source)).toEqual([
      "1",
      "let blocks = 4;",
      "// Parameters\nblocks = 9;",
      "2",
    ]);
    expect(await inject(notebook)).toEqual({});
    expect(notebook.cells).toHaveLength(4);
  });

  test("is nothing when nothing is given", async () => {
    const notebook = withParameters("let blocks = 4;");
    expect(await inject(notebook)).toEqual({});
    expect(notebook.cells).toHaveLength(3);
  });

  test.each([
    ["let n = 1;", "n=8", "n = 8;"],
    ["let n = 1;", "n=.5", "n = 0.5;"],
    ["let n = 1;", "n=-Infinity", "n = -Infinity;"],
    ["let n = 1n;", "n=12345678901234567890", "n = 12345678901234567890n;"],
    ["let b = true;", "b=false", "b = false;"],
    ["let s = '';", "s=1.10", 's = "1.10";'],
    ["let s = '';", 's="1.10"', 's = "1.10";'],
    ["let s = '';", "s=", 's = "";'],
    ["let s = '';", "s=a=b\n", 's = "a=b\\n";'],
    ["let list = [1];", "list=[2, 3]", "list = [2,3];"],
    ["const o = { a: 1 };", 'o={"a":2}', 'const o: { a: number; } = {"a":2};'],
    ['let m: "fast" | "slow" = "fast";', "m=slow", 'm = "slow";'],
    ["let v: string | null = null;", "v=null", "v = null;"],
    ["let v: string | undefined;", "v=7", 'v = "7";'],
    ["const x = unknownHere();", "x=7", "const x = 7;"],
  ])("%s with %s", async (declaration, given, expected) => {
    expect(await injectedFor(declaration, given)).toBe(expected);
  });
});

describe("what is refused before anything runs", () => {
  test.each([
    ["let n = 1;", "n=many", "The parameter 'n' is of type number, and 'many' is not."],
    ["let n = 1;", "n=", "The parameter 'n' is of type number, and '' is not."],
    ["let n = 1;", 'n="8"', "The parameter 'n' is of type number, and '\"8\"' is not."],
    ["let b = true; // on", "b=1", "The parameter 'b' (on) is of type boolean, and '1' is not; write true or false."],
    ["let s = '';", "t=1", "The notebook has no parameter 't'; it has: s = ''."],
    ["", "t=1", "The notebook has no parameter 't'; its parameters cell declares none."],
    ["let list = [1];", 'list=["a"]', "The parameter 'list' is of type number[], and '[\"a\"]' is not."],
    ['let m: "fast" | "slow" = "fast";', "m=medium", 'is of type "fast" | "slow", and \'medium\' is not.'],
    ["const o = { a: 1 };", "o={}", "The parameter 'o' is of type { a: number; }, and '{}' is not."],
  ])("%s with %s", async (declaration, given, sentence) => {
    const notebook = withParameters(declaration);
    await expect(inject(notebook, given)).rejects.toThrow(sentence);
    expect(notebook.cells).toHaveLength(3);
  });

  test("a parameter without a default that is not given", async () => {
    await expect(inject(withParameters("let file: string; // input"))).rejects.toThrow(
      "The parameter 'file' (string, input) has no default; give it with -p file=VALUE.",
    );
  });

  test("values for a notebook without a parameters cell", async () => {
    await expect(inject(notebookWith({ source: "1" }), "n=1")).rejects.toThrow(
      "The notebook has no cell tagged 'parameters'",
    );
  });

  test.each(["blocks", "=8", "1x=2", "a b=3"])("'%s', which is no name=value", (argument) => {
    expect(() => parseGivenParameter(argument)).toThrow(`'${argument}' is not a parameter; write name=value`);
  });
});
