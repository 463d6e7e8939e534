import { EditorState } from "@codemirror/state";
import { expect, test } from "vitest";
import { marksExtension, marksOf, newMarks } from "../../../../extensions/jupyterlab/src/language/marks.ts";
import type { LiveDiagnostic } from "../../../../kernel/src/protocol/language-comm.ts";

function error(start: number, length: number): LiveDiagnostic {
  const fixes = [{ title: "Mend", edits: [{ start, length, text: "mended" }] }];
  return { category: "error", code: 2322, message: "wrong", start, length, fixes };
}

function marked(doc: string, ...marks: readonly LiveDiagnostic[]): EditorState {
  const state = EditorState.create({ doc, extensions: marksExtension });
  return state.update({ effects: newMarks.of(marks) }).state;
}

/** The marked texts, and those that their fixes would replace. */
function texts(state: EditorState): [marked: string, replaced: string][] {
  return marksOf(state).map(({ start, length, fixes }) => [
    state.sliceDoc(start, start + length),
    fixes.flatMap(({ edits }) => edits.map((edit) => state.sliceDoc(edit.start, edit.start + edit.length))).join(),
  ]);
}

const DOC = "let a = x;\nlet b = y;\nlet c = z;";

test("marks vanish from a line that changes, and move with theirs elsewhere", () => {
  const state = marked(DOC, error(8, 1), error(19, 1), error(30, 1));
  const typed = state.update({ changes: { from: 15, insert: "longer" } }).state;
  expect(texts(typed)).toEqual([
    ["x", "x"],
    ["z", "z"],
  ]);
});

test("a change over several lines takes their marks, and new lines move the rest", () => {
  const state = marked(DOC, error(8, 1), error(19, 1), error(30, 1));
  expect(texts(state.update({ changes: { from: 0, to: 15 } }).state)).toEqual([["z", "z"]]);
  expect(texts(state.update({ changes: { from: 0, insert: "// first\n" } }).state)).toEqual([
    ["y", "y"],
    ["z", "z"],
  ]);
  expect(texts(state.update({ changes: { from: 0, to: DOC.length, insert: "" } }).state)).toEqual([]);
});

test("marks stay when nothing but the cursor moves", () => {
  const state = marked(DOC, error(8, 1));
  expect(texts(state.update({ selection: { anchor: 9 } }).state)).toEqual([["x", "x"]]);
});
