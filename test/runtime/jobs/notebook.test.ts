import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  findTagged,
  newCell,
  parseNotebook,
  serializeNotebook,
  splitLines,
} from "../../../runtime/src/jobs/notebook.ts";

const EMPTY = { nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [] };

function parse(notebook: unknown) {
  return parseNotebook(JSON.stringify(notebook), "nb.ipynb");
}

function codeCell(fields: object = {}) {
  return { cell_type: "code", id: "a", metadata: {}, source: "1", outputs: [], execution_count: null, ...fields };
}

describe("reading a notebook", () => {
  test.each([
    ["", "'nb.ipynb' is an empty file, not a notebook."],
    ["<<<<<<< HEAD", "'nb.ipynb' is not a notebook: it is not JSON ("],
    ["[]", "'nb.ipynb' is not a notebook: its JSON is not an object."],
    ["{}", "'nb.ipynb' is not a notebook: the field 'nbformat' is missing."],
    ['{"nbformat":3}', "'nb.ipynb' has notebook format 3, and only format 4 can be run; open it in JupyterLab"],
    ['{"nbformat":5,"cells":[]}', "'nb.ipynb' has notebook format 5, and only format 4 can be run."],
    ['{"nbformat":4}', "'nb.ipynb' is not a notebook: the list 'cells' is missing."],
    ['{"nbformat":4,"cells":[7]}', "'nb.ipynb' is not a notebook: cell 1 is not an object."],
    ['{"nbformat":4,"cells":[{"cell_type":"code"}]}', "cell 1 has no text 'source'."],
    ['{"nbformat":4,"cells":[{"cell_type":"sql","source":""}]}', "cell 1 has the unknown type 'sql'."],
    ['{"nbformat":4,"cells":[{"cell_type":"code","source":"","outputs":[{"output_type":"pyout"}]}]}', "'pyout'"],
  ])("%s is refused with a sentence that says what is wrong", (text, sentence) => {
    expect(() => parseNotebook(text, "nb.ipynb")).toThrow(sentence);
  });

  test("a text may be one string or a list of lines", () => {
    const { cells } = parse({
      ...EMPTY,
      cells: [codeCell({ source: ["a\n", "b"] }), codeCell({ id: "b", source: "a\nb" })],
    });
    expect(cells.map((cell) => cell.source)).toEqual(["a\nb", "a\nb"]);
  });

  test("cells with the same id get different ones, because the kernel goes by them", () => {
    const { cells } = parse({ ...EMPTY, cells: [codeCell(), codeCell(), codeCell({ id: undefined })] });
    expect(cells.map((cell) => cell.id)).toEqual(["a", "a-2", "cell-3"]);
  });

  test("a notebook older than cell ids stays without them", () => {
    const notebook = parse({ ...EMPTY, nbformat_minor: 4, cells: [codeCell({ id: undefined })] });
    expect(notebook.cells[0]?.id).toBeUndefined();
    expect(newCell(notebook, "markdown", { id: "x", source: "", tags: [] }).id).toBeUndefined();
  });

  test("a byte order mark is no part of the JSON", () => {
    expect(parseNotebook(`\uFEFF${JSON.stringify(EMPTY)}`, "nb.ipynb").cells).toEqual([]);
  });
});

describe("writing a notebook", () => {
  test("the file looks as Jupyter writes it: sorted keys, one space, lists of lines, a newline at the end", () => {
    const notebook = parse({ ...EMPTY, cells: [codeCell({ source: "let a = 1;\na" })] });
    expect(serializeNotebook(notebook)).toBe(
      `{
 "cells": [
  {
   "cell_type": "code",
   "execution_count": null,
   "id": "a",
   "metadata": {},
   "outputs": [],
   "source": [
    "let a = 1;\\n",
    "a"
   ]
  }
 ],
 "metadata": {},
 "nbformat": 4,
 "nbformat_minor": 5
}
`,
    );
  });

  test("fields that nobody here knows survive, in the notebook, its cells and its outputs", () => {
    const original = {
      ...EMPTY,
      extra: { deep: [1, { a: null }] },
      metadata: { kernelspec: { name: "mobula" }, vendor: { x: 1 } },
      cells: [
        codeCell({
          custom: "field",
          metadata: { collapsed: true, tags: ["t"] },
          outputs: [
            { output_type: "stream", name: "stdout", text: ["a\n", "b"], more: 1 },
            {
              output_type: "display_data",
              metadata: { "image/png": { width: 3 } },
              data: { "text/plain": ["x\n", "y"], "image/png": "aGk=", "application/json": { list: ["p", "q"] } },
            },
            { output_type: "error", ename: "E", evalue: "v", traceback: ["l1", "l2"] },
          ],
        }),
        { cell_type: "raw", id: "r", metadata: {}, source: ["raw"] },
        { cell_type: "markdown", id: "m", metadata: {}, source: [], attachments: { "p.png": { "image/png": "aGk=" } } },
      ],
    };
    const written: unknown = JSON.parse(serializeNotebook(parse(original)));
    expect(written).toEqual({
      ...original,
      cells: [{ ...original.cells[0], source: ["1"] }, ...original.cells.slice(1)],
    });
  });

  test("JSON data that is a list of strings stays a list", () => {
    const output = { output_type: "display_data", metadata: {}, data: { "application/vnd.x+json": ["a", "b"] } };
    const written = JSON.parse(serializeNotebook(parse({ ...EMPTY, cells: [codeCell({ outputs: [output] })] }))) as {
      cells: [{ outputs: unknown[] }];
    };
    expect(written.cells[0].outputs).toEqual([output]);
  });

  test("any text comes back from its lines, and only the last line may lack a newline", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", "\n", "\r", "é", " ", "😀") }), (text) => {
        const lines = splitLines(text);
        expect(lines.join("")).toBe(text);
        for (const line of lines.slice(0, -1)) expect(line).toMatch(/^[^\n]*\n$/);
      }),
    );
  });
});

test("a tag is found in the first cell that has it, and odd tags are no tags", () => {
  const cells = [
    codeCell({ metadata: { tags: "parameters" } }),
    codeCell({ id: "b", metadata: { tags: ["parameters"] } }),
  ];
  expect(findTagged(parse({ ...EMPTY, cells }), "parameters")).toBe(1);
});
