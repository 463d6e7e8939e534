/** A language whose thread may die: another one takes its place and is told all that ran. */
import type { Completion, HoverText, LiveDiagnostic, NamePlaces, Renaming } from "../protocol/language-comm.ts";
import type { CompileReply, CompileRequest, Completeness, Language } from "./language.ts";

/** A notebook's cells run more often than this only in a loop; then the oldest runs no longer matter. */
const MAX_REMEMBERED = 500;
/** Cells that were compiled and neither ran nor failed yet. */
const MAX_PENDING = 64;

type Remembered =
  | {
      readonly type: "ran";
      readonly request: CompileRequest;
      readonly version: number;
      readonly assigned: readonly string[];
    }
  | { readonly type: "forgotten"; readonly cellIds: readonly string[] };

/**
 * Calls that a dying thread leaves without an answer are asked again, once: what kills a second thread as well is an
 * error of the call. A new thread knows the same names under the same versions as the old one did.
 *
 * @param start - starts a thread; calls that it cannot answer reject with code `LANGUAGE_THREAD_ENDED`.
 */
export function lastingLanguage(start: () => Language): Language {
  return new LastingLanguage(start);
}

class LastingLanguage implements Language {
  readonly #start: () => Language;
  readonly #pending = new Map<number, CompileRequest>();
  #remembered: readonly Remembered[] = [];
  #current: Promise<Language>;
  #isClosed = false;

  constructor(start: () => Language) {
    this.#start = start;
    this.#current = Promise.resolve(start());
  }

  async compile(request: CompileRequest): Promise<CompileReply> {
    const reply = await this.#call((language) => language.compile(request));
    if (reply.cell) this.#pending.set(reply.cell.version, request);
    const oldest = this.#pending.keys().next();
    if (this.#pending.size > MAX_PENDING && !oldest.done) this.#pending.delete(oldest.value);
    return reply;
  }

  /** A new thread is not told: it knows no cell that did not end. */
  lend(version: number): void {
    void this.#current.then((language) => language.lend(version)).catch(() => {});
  }

  commit(version: number, assigned: readonly string[]): void {
    const request = this.#pending.get(version);
    this.#pending.delete(version);
    const current = this.#current;
    // Before it is told: a thread that is dead learns of it with the rest.
    if (request) this.#remember({ type: "ran", request, version, assigned });
    void current.then((language) => language.commit(version, assigned)).catch(() => {});
  }

  async forget(cellIds: readonly string[]): Promise<readonly string[]> {
    const globalNames = await this.#call((language) => language.forget(cellIds));
    this.#remember({ type: "forgotten", cellIds });
    return globalNames;
  }

  diagnose(request: Parameters<Language["diagnose"]>[0]): Promise<readonly LiveDiagnostic[]> {
    return this.#call((language) => language.diagnose(request));
  }

  complete(request: Parameters<Language["complete"]>[0]): Promise<Completion> {
    return this.#call((language) => language.complete(request));
  }

  inspect(request: Parameters<Language["inspect"]>[0]): Promise<HoverText | undefined> {
    return this.#call((language) => language.inspect(request));
  }

  places(request: Parameters<Language["places"]>[0]): Promise<NamePlaces | undefined> {
    return this.#call((language) => language.places(request));
  }

  rename(request: Parameters<Language["rename"]>[0]): Promise<Renaming> {
    return this.#call((language) => language.rename(request));
  }

  isComplete(code: string): Promise<Completeness> {
    return this.#call((language) => language.isComplete(code));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const language = await this.#current.catch(() => undefined);
    await language?.close();
  }

  async #call<Result>(ask: (language: Language) => Promise<Result>): Promise<Result> {
    const asked = this.#current;
    try {
      return await ask(await asked);
    } catch (error) {
      if (this.#isClosed || (error as { code?: unknown } | null)?.code !== "LANGUAGE_THREAD_ENDED") throw error;
      if (this.#current === asked) this.#current = this.#startAgain();
      return await ask(await this.#current);
    }
  }

  async #startAgain(): Promise<Language> {
    const language = this.#start();
    for (const remembered of this.#remembered) {
      if (remembered.type === "forgotten") {
        await language.forget(remembered.cellIds);
        continue;
      }
      const { request, version, assigned } = remembered;
      // It ran, so nothing that is wrong with it may keep it out now.
      const { cell } = await language.compile({ ...request, check: "warn", version });
      if (cell) language.commit(version, assigned);
    }
    return language;
  }

  #remember(remembered: Remembered): void {
    this.#remembered = [...this.#remembered, remembered].slice(-MAX_REMEMBERED);
  }
}
