/** Marks under the text of a cell's editor, with what the kernel said about them on hover. */
import { type Action, type Diagnostic, setDiagnostics, setDiagnosticsEffect } from "@codemirror/lint";
import {
  type ChangeSet,
  EditorState,
  type Extension,
  StateEffect,
  type StateEffectType,
  StateField,
  type Text,
  type Transaction,
} from "@codemirror/state";
import type { EditorView } from "@codemirror/view";
import type { LiveDiagnostic, QuickFix, TextEdit } from "./protocol.ts";

/** Replaces all marks. */
export const newMarks: StateEffectType<readonly LiveDiagnostic[]> = StateEffect.define<readonly LiveDiagnostic[]>();

const currentMarks = StateField.define<readonly LiveDiagnostic[]>({
  create: () => [],
  update: (marks, transaction) => {
    for (const effect of transaction.effects) if (effect.is(newMarks)) return effect.value;
    return transaction.docChanged ? surviving(marks, transaction) : marks;
  },
});

/** Marks vanish from lines that change; others move along with their text. */
const vanishing = EditorState.transactionExtender.of((transaction) => {
  const marks = marksOf(transaction.startState);
  if (!transaction.docChanged || marks.length === 0) return null;
  return { effects: setDiagnosticsEffect.of(surviving(marks, transaction).map(toLint)) };
});

/** What an editor needs in order to show marks. */
export const marksExtension: Extension = [currentMarks, vanishing];

/** The marks of an editor where they are now. */
export function marksOf(state: EditorState): readonly LiveDiagnostic[] {
  return state.field(currentMarks, false) ?? [];
}

/** Replace all marks of an editor. */
export function showMarks(view: EditorView, marks: readonly LiveDiagnostic[]): void {
  const inside = marks.filter(({ start, length }) => start + length <= view.state.doc.length);
  if (inside.length === 0 && marksOf(view.state).length === 0) return;
  const { effects = [] } = setDiagnostics(view.state, inside.map(toLint));
  view.dispatch({ effects: [newMarks.of(inside), ...(Array.isArray(effects) ? effects : [effects])] });
}

function surviving(marks: readonly LiveDiagnostic[], { startState, changes }: Transaction): readonly LiveDiagnostic[] {
  const touched: [from: number, to: number][] = [];
  changes.iterChangedRanges((from, to) => touched.push(linesOf(startState.doc, from, to)));
  return marks
    .filter(({ start, length }) => !touched.some(([from, to]) => start <= to && start + length >= from))
    .map((mark) => moved(mark, changes));
}

function linesOf(doc: Text, from: number, to: number): [from: number, to: number] {
  return [doc.lineAt(from).from, doc.lineAt(to).to];
}

function moved(mark: LiveDiagnostic, changes: ChangeSet): LiveDiagnostic {
  return { ...moveRange(mark, changes), fixes: mark.fixes.map((fix) => moveFix(fix, changes)) };
}

function moveFix(fix: QuickFix, changes: ChangeSet): QuickFix {
  return { ...fix, edits: fix.edits.map((edit) => moveRange(edit, changes)) };
}

function moveRange<T extends { readonly start: number; readonly length: number }>(range: T, changes: ChangeSet): T {
  const start = changes.mapPos(range.start);
  return { ...range, start, length: Math.max(0, changes.mapPos(range.start + range.length) - start) };
}

const SEVERITY = { error: "error", warning: "warning", unused: "hint", deprecated: "info" } as const;

function toLint(mark: LiveDiagnostic): Diagnostic {
  const { category, message, start, length } = mark;
  return {
    from: start,
    to: start + length,
    severity: SEVERITY[category],
    markClass: `mobula-Mark mobula-is-${category}`,
    message,
    renderMessage: () => renderMark(mark),
    actions: mark.fixes.map(toAction),
  };
}

function renderMark({ category, message, code }: LiveDiagnostic): Node {
  const node = document.createElement("div");
  node.className = `mobula-Mark-message mobula-is-${category}`;
  const text = document.createElement("span");
  text.textContent = message;
  node.append(text);
  if (code !== 0) {
    const number = document.createElement("span");
    number.className = "mobula-Mark-code";
    number.textContent = `TS${code}`;
    node.append(" ", number);
  }
  return node;
}

function toAction({ title, edits }: QuickFix): Action {
  return { name: title, apply: (view) => view.dispatch({ changes: toChanges(edits), userEvent: "input.fix" }) };
}

/** Edits as CodeMirror takes them. */
export function toChanges(edits: readonly TextEdit[]): { from: number; to: number; insert: string }[] {
  return edits.map(({ start, length, text }) => ({ from: start, to: start + length, insert: text }));
}
