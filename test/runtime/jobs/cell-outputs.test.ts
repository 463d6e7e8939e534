import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CellOutputs, type TerminalText, writeToTerminal } from "../../../runtime/src/jobs/cell-outputs.ts";
import type { CodeCell } from "../../../runtime/src/jobs/notebook.ts";

function codeCell(): CodeCell {
  return { cell_type: "code", metadata: {}, source: "", execution_count: null, outputs: [] };
}

function display(text: string, displayId?: string) {
  return {
    type: "display_data",
    content: { data: { "text/plain": text }, metadata: {}, transient: displayId ? { display_id: displayId } : {} },
  };
}

function update(text: string, displayId: string) {
  return { ...display(text, displayId), type: "update_display_data" };
}

function stream(text: string, name = "stdout") {
  return { type: "stream", content: { name, text } };
}

/** What a terminal shows after these texts. */
function shownAfter(...texts: string[]): string {
  return texts.reduce<TerminalText>(writeToTerminal, { text: "" }).text;
}

/** What each output shows. */
function shown(cell: CodeCell): unknown[] {
  return cell.outputs.map((output) => {
    if (output.output_type === "stream") return output.text;
    return output.output_type === "error" ? output.ename : output.data["text/plain"];
  });
}

describe("streams", () => {
  test("text of one stream is one output until another output comes between", () => {
    const cell = codeCell();
    const outputs = new CellOutputs();
    for (const message of [stream("a\n"), stream("b\n"), stream("c\n", "stderr"), stream("d\n")])
      outputs.apply(cell, message);
    expect(cell.outputs).toEqual([
      { output_type: "stream", name: "stdout", text: "a\nb\n" },
      { output_type: "stream", name: "stderr", text: "c\n" },
      { output_type: "stream", name: "stdout", text: "d\n" },
    ]);
  });

  test.each([
    [["10 %\r", "20 %\r", "30 %\n"], "30 %\n"],
    [["long line\rshort"], "shortline"],
    [["one\r\n", "two\r\n"], "one\ntwo\n"],
    [["one\r", "\ntwo"], "one\ntwo"],
    [["abc\b\bX"], "aXc"],
    [["50 %", "\r", "6"], "60 %"],
    [["é😀\bx\r"], "éx"],
    [["first\nsecond\rSEC"], "first\nSECond"],
  ])("%j is shown as a terminal shows it", (parts, expected) => {
    expect(shownAfter(...parts)).toBe(expected);
  });

  test("how the text is cut into messages makes no difference", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "\n", "\r", "\b", "😀"), maxLength: 12 });
    fc.assert(fc.property(text, text, (first, second) => shownAfter(first, second) === shownAfter(first + second)));
  });

  test("the next message goes on where the stream stopped in its line", () => {
    const cell = codeCell();
    const outputs = new CellOutputs();
    for (const text of ["10 %", "\r2", "0 %\n"]) outputs.apply(cell, stream(text));
    expect(shown(cell)).toEqual(["20 %\n"]);
  });
});

describe("displays", () => {
  test("an update changes every display of its id, in any cell, and adds nothing", () => {
    const [first, second] = [codeCell(), codeCell()];
    const outputs = new CellOutputs();
    outputs.apply(first, display("0 %", "bar"));
    outputs.apply(first, display("other", "x"));
    outputs.apply(second, display("0 %", "bar"));
    expect(outputs.apply(second, update("50 %", "bar"))).toBe(true);
    expect([shown(first), shown(second)]).toEqual([["50 %", "other"], ["50 %"]]);
  });

  test("a display of a known id updates the earlier ones too", () => {
    const cell = codeCell();
    const outputs = new CellOutputs();
    for (const text of ["a", "b"]) outputs.apply(cell, display(text, "id"));
    expect(shown(cell)).toEqual(["b", "b"]);
  });

  test("an update of an id that nothing shows changes nothing", () => {
    const cell = codeCell();
    expect(new CellOutputs().apply(cell, update("x", "nowhere"))).toBe(false);
    expect(cell.outputs).toEqual([]);
  });

  test("a result keeps its count", () => {
    const cell = codeCell();
    const content = { data: { "text/plain": "4" }, metadata: { m: 1 }, execution_count: 7 };
    new CellOutputs().apply(cell, { type: "execute_result", content });
    expect(cell.outputs).toEqual([{ output_type: "execute_result", ...content }]);
  });
});

describe("clearing", () => {
  test("at once removes what is there", () => {
    const cell = codeCell();
    const outputs = new CellOutputs();
    outputs.apply(cell, display("a"));
    outputs.apply(cell, { type: "clear_output", content: { wait: false } });
    expect(cell.outputs).toEqual([]);
  });

  test("with wait, the old output stays until the next one replaces it", () => {
    const cell = codeCell();
    const outputs = new CellOutputs();
    outputs.apply(cell, stream("old"));
    outputs.apply(cell, { type: "clear_output", content: { wait: true } });
    expect(shown(cell)).toEqual(["old"]);
    outputs.apply(cell, stream("new"));
    outputs.apply(cell, display("more"));
    expect(shown(cell)).toEqual(["new", "more"]);
  });

  test("a display that was cleared is not updated any more", () => {
    const cell = codeCell();
    const outputs = new CellOutputs();
    outputs.apply(cell, display("a", "id"));
    outputs.clear(cell);
    expect(outputs.apply(cell, update("b", "id"))).toBe(false);
  });
});

test("other messages are not for the notebook", () => {
  const cell = codeCell();
  expect(new CellOutputs().apply(cell, { type: "comm_msg", content: {} })).toBe(false);
});
