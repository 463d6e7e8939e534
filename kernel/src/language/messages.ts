/** What crosses between the kernel and its language, a thread or a process. All plain data that JSON can hold. */
import type { Language } from "./language.ts";
import type { NotebookLanguageOptions } from "./notebook-language.ts";

/** Methods of `Language` that are answered. */
export type LanguageMethod =
  | "compile"
  | "forget"
  | "diagnose"
  | "complete"
  | "inspect"
  | "places"
  | "rename"
  | "isComplete";

/** A call of method `M`; the argument is that of `Language`. */
export interface CallOf<M extends LanguageMethod> {
  readonly method: M;
  readonly argument: Parameters<Language[M]>[0];
}

export type LanguageCall = { [M in LanguageMethod]: CallOf<M> }[LanguageMethod];

export type ToLanguage =
  | { readonly type: "call"; readonly id: number; readonly call: LanguageCall }
  | { readonly type: "lend"; readonly version: number }
  | { readonly type: "commit"; readonly version: number; readonly assigned: readonly string[] };

export type FromLanguage =
  /** A process began; threads do not say it. */
  | { readonly type: "started" }
  | { readonly type: "answered"; readonly id: number; readonly value: unknown }
  | { readonly type: "failed"; readonly id: number; readonly message: string };

/** `workerData` of the thread. */
export type LanguageThreadData = NotebookLanguageOptions;
