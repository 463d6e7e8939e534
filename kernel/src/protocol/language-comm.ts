/**
 * What a front end and the kernel say to each other about cells that have not run: marks under wrong code, and edits
 * that mend it. One comm per notebook, opened by the front end; it lives while a cell spins, because the language
 * thread answers. All offsets are UTF-16 code units into a cell's text.
 */
import type { JsonObject } from "./messages.ts";

/** Comm target that this kernel answers itself. */
export const LANGUAGE_TARGET = "mobula.language.v1";

/** A code cell as it stands in the front end, run or not. */
export interface CellText {
  readonly id: string;
  readonly code: string;
}

/** The code cells of a notebook from top to bottom, and the one that is asked about. */
export interface NotebookText {
  readonly cells: readonly CellText[];
  readonly cellId: string;
}

export interface TextEdit {
  readonly start: number;
  readonly length: number;
  readonly text: string;
}

export interface QuickFix {
  /** One line for a button, such as `Change spelling to 'length'`. */
  readonly title: string;
  readonly edits: readonly TextEdit[];
}

/** `unused` and `deprecated` are hints about code that is right. */
export type LiveCategory = "error" | "warning" | "unused" | "deprecated";

export interface LiveDiagnostic {
  readonly category: LiveCategory;
  /** TypeScript's code, e.g. 2345; 0 for a message of the kernel's own. */
  readonly code: number;
  readonly message: string;
  readonly start: number;
  readonly length: number;
  readonly fixes: readonly QuickFix[];
}

/** Part of a cell. */
export interface CellPlace {
  readonly cellId: string;
  readonly start: number;
  readonly length: number;
}

export interface CellEdit extends CellPlace {
  readonly text: string;
}

export interface HoverText {
  /** Markdown: a `typescript` fence, then the documentation. */
  readonly markdown: string;
  readonly text: string;
}

export interface CompletionItem {
  readonly text: string;
  readonly kind: string;
  readonly signature?: string;
  /** The name is not in scope yet: the module to import it from, and the edit that does so. */
  readonly from?: { readonly specifier: string; readonly edit: TextEdit };
  readonly isDeprecated?: true;
}

export interface Completion {
  readonly start: number;
  readonly end: number;
  readonly items: readonly CompletionItem[];
}

/** A name and all the places in the notebook that mean the same thing. */
export interface NamePlaces {
  readonly name: string;
  readonly definitions: readonly CellPlace[];
  /** Definitions among them. */
  readonly places: readonly CellPlace[];
}

/** `problem` says in one sentence why the name stays. */
export type Renaming = { readonly edits: readonly CellEdit[] } | { readonly problem: string };

/** What is asked of a place, and what is answered; `null` where there is nothing to say. */
export interface LanguageQuestions {
  readonly hover: { readonly asked: object; readonly answer: HoverText | null };
  readonly complete: { readonly asked: object; readonly answer: Completion };
  /** Documentation of a completion, as if `text` stood between the completion's start and the offset. */
  readonly describe: {
    readonly asked: { readonly start: number; readonly text: string };
    readonly answer: HoverText | null;
  };
  readonly places: { readonly asked: object; readonly answer: NamePlaces | null };
  readonly rename: { readonly asked: { readonly newName: string }; readonly answer: Renaming };
}

export type LanguageQuestion = {
  [K in keyof LanguageQuestions]: {
    readonly kind: K;
    readonly cellId: string;
    readonly offset: number;
  } & LanguageQuestions[K]["asked"];
}[keyof LanguageQuestions];

export type LanguageRequest =
  /** The code cells in order, with the text of those that are new or changed since the last such message. */
  | {
      readonly type: "cells";
      /** Counts these messages; answers say which one they rest on. */
      readonly revision: number;
      readonly order: readonly string[];
      readonly changed: readonly CellText[];
    }
  /** Look for diagnostics in these cells, in this order. What an earlier request still waited for is dropped. */
  | { readonly type: "check"; readonly cells: readonly string[] }
  /** The cells are those that were told last. */
  | { readonly type: "ask"; readonly id: number; readonly question: LanguageQuestion };

export type LanguageReply =
  | {
      readonly type: "diagnostics";
      readonly revision: number;
      readonly cellId: string;
      readonly diagnostics: readonly LiveDiagnostic[];
    }
  /** A cell ran, or names went away: what was said about other cells may be wrong now. */
  | { readonly type: "world-changed" }
  | { readonly type: "answer"; readonly id: number; readonly answer: unknown }
  | { readonly type: "failed"; readonly id: number; readonly message: string };

/** @returns undefined for a message that has not the form of a request. */
export function readLanguageRequest(data: JsonObject): LanguageRequest | undefined {
  switch (data.type) {
    case "cells":
      return isCells(data) ? data : undefined;
    case "check":
      return isStrings(data.cells) ? { type: "check", cells: data.cells } : undefined;
    case "ask":
      return typeof data.id === "number" && isQuestion(data.question)
        ? { type: "ask", id: data.id, question: data.question }
        : undefined;
    default:
      return undefined;
  }
}

function isQuestion(value: unknown): value is LanguageQuestion {
  const question = value as Partial<LanguageQuestion & { start: number; text: string; newName: string }> | null;
  if (typeof question?.cellId !== "string" || typeof question.offset !== "number") return false;
  switch (question.kind) {
    case "hover":
    case "complete":
    case "places":
      return true;
    case "describe":
      return typeof question.start === "number" && typeof question.text === "string";
    case "rename":
      return typeof question.newName === "string";
    case undefined:
    default:
      return false;
  }
}

function isCells(data: JsonObject): data is JsonObject & Extract<LanguageRequest, { type: "cells" }> {
  const { revision, order, changed } = data;
  return typeof revision === "number" && isStrings(order) && Array.isArray(changed) && changed.every(isCellText);
}

function isCellText(value: unknown): value is CellText {
  const cell = value as Partial<CellText> | null;
  return typeof cell?.id === "string" && typeof cell.code === "string";
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
