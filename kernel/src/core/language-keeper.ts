import type { Language } from "../language/language.ts";

/** Starts the language thread. */
export type StartLanguage = () => Language | Promise<Language>;

/** Holds the language thread: starts it when it is first needed, and replaces it when its type world is void. */
export class LanguageKeeper {
  private readonly startLanguage: StartLanguage;
  private current: Promise<Language> | undefined;
  private isClosed = false;

  constructor(startLanguage: StartLanguage) {
    this.startLanguage = startLanguage;
  }

  /** @throws what starting it throws; the next call tries again. */
  get(): Promise<Language> {
    if (this.isClosed) return Promise.reject(new Error("The kernel is shutting down."));
    if (!this.current) {
      const started = Promise.resolve().then(this.startLanguage);
      this.current = started;
      started.catch(() => {
        if (this.current === started) this.current = undefined;
      });
    }
    return this.current;
  }

  /** Begin with an empty type world: the values its declarations spoke of are gone. */
  async restart(): Promise<void> {
    const old = this.current;
    this.current = undefined;
    if (!this.isClosed) this.get().catch(() => {}); // reported to whoever asks next
    await closeQuietly(old);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await closeQuietly(this.current);
  }
}

/** A thread that failed to start, or that is broken, needs no farewell. */
async function closeQuietly(language: Promise<Language> | undefined): Promise<void> {
  try {
    await (await language)?.close();
  } catch {
    // see above
  }
}
