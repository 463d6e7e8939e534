/**
 * What the kernel says about cells. As in `../protocol.ts`, types come from the kernel's sources and vanish when
 * compiled, and the constant is repeated.
 */
import type { LANGUAGE_TARGET as KernelTarget } from "@mobula/kernel/protocol";

export type {
  CellEdit,
  CellPlace,
  CellText,
  Completion,
  CompletionItem,
  HoverText,
  LanguageQuestion,
  LanguageQuestions,
  LanguageReply,
  LanguageRequest,
  LiveDiagnostic,
  NamePlaces,
  QuickFix,
  Renaming,
  TextEdit,
} from "@mobula/kernel/protocol";

/** Comm target of Mobula's kernel. */
export const LANGUAGE_TARGET: typeof KernelTarget = "mobula.language.v1";
