/** The kernel's side of the language, which is a process or a thread. */
import type { Completion, HoverText, LiveDiagnostic, NamePlaces, Renaming } from "../protocol/language-comm.ts";
import type { CompileReply, Completeness, Language } from "./language.ts";
import type { FromLanguage, LanguageCall, ToLanguage } from "./messages.ts";
import type { NotebookLanguageOptions } from "./notebook-language.ts";
import { type LanguagePort, openLanguage } from "./port.ts";

/** The language ended, or was closed, before it answered. */
export class LanguageThreadError extends Error {
  override readonly name = "LanguageThreadError";
  readonly code = "LANGUAGE_THREAD_ENDED";
}

/**
 * Start the language of a notebook. It loads TypeScript and the library files in the background; calls made meanwhile
 * are answered in order. When it dies, calls that wait for it and later calls reject with code
 * `LANGUAGE_THREAD_ENDED`, and the names of the notebook are lost with it; `lasting-language.ts` brings them back.
 */
export function startLanguage(options: NotebookLanguageOptions): Language {
  return new LanguageClient(options);
}

interface PendingCall {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

class LanguageClient implements Language {
  readonly #port: LanguagePort;
  readonly #pending = new Map<number, PendingCall>();
  readonly #unsent: ToLanguage[] = [];
  #lastId = 0;
  #ended: LanguageThreadError | undefined;

  constructor(options: NotebookLanguageOptions) {
    this.#port = openLanguage(options, {
      onMessage: (message) => this.#settle(message),
      onEnd: (reason) => this.#end(reason),
    });
  }

  compile(argument: Parameters<Language["compile"]>[0]): Promise<CompileReply> {
    return this.#call({ method: "compile", argument });
  }

  lend(version: number): void {
    if (!this.#ended) this.#unsent.push({ type: "lend", version });
  }

  commit(version: number, assigned: readonly string[]): void {
    if (this.#ended) return;
    // It goes with the next call: nobody can tell the difference, and the cell's reply does not wait for it.
    this.#unsent.push({ type: "commit", version, assigned });
  }

  forget(argument: readonly string[]): Promise<readonly string[]> {
    return this.#call({ method: "forget", argument });
  }

  diagnose(argument: Parameters<Language["diagnose"]>[0]): Promise<readonly LiveDiagnostic[]> {
    return this.#call({ method: "diagnose", argument });
  }

  complete(argument: Parameters<Language["complete"]>[0]): Promise<Completion> {
    return this.#call({ method: "complete", argument });
  }

  inspect(argument: Parameters<Language["inspect"]>[0]): Promise<HoverText | undefined> {
    return this.#call({ method: "inspect", argument });
  }

  places(argument: Parameters<Language["places"]>[0]): Promise<NamePlaces | undefined> {
    return this.#call({ method: "places", argument });
  }

  rename(argument: Parameters<Language["rename"]>[0]): Promise<Renaming> {
    return this.#call({ method: "rename", argument });
  }

  isComplete(argument: string): Promise<Completeness> {
    return this.#call({ method: "isComplete", argument });
  }

  async close(): Promise<void> {
    this.#end("The language was closed");
    await this.#port.close();
  }

  #call<Result>(call: LanguageCall): Promise<Result> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = ++this.#lastId;
    return new Promise<unknown>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#port.post([...this.#unsent.splice(0), { type: "call", id, call }]);
    }) as Promise<Result>;
  }

  #settle(message: FromLanguage): void {
    if (message.type === "started") return;
    const call = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.type === "answered") call?.resolve(message.value);
    else call?.reject(new Error(`The language service failed: ${message.message}`));
  }

  /** The first reason is the one to tell: a failed thread also exits. */
  #end(reason: string): void {
    this.#ended ??= new LanguageThreadError(`${reason}.`);
    for (const { reject } of this.#pending.values()) reject(this.#ended);
    this.#pending.clear();
  }
}
