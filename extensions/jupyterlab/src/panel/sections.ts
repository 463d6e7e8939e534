/** Which sections of the panel are folded away. */
import type { SectionMemory } from "./context.ts";

/** All sections are open until the user closes one. */
export class ClosedSections implements SectionMemory {
  readonly #save: (closed: string[]) => void;
  readonly #listeners = new Set<() => void>();
  #closed: ReadonlySet<string> = new Set();

  /** @param save - told the names of the closed sections after each change by the user. */
  constructor(save: (closed: string[]) => void) {
    this.#save = save;
  }

  isOpen(section: string): boolean {
    return !this.#closed.has(section);
  }

  setOpen(section: string, isOpen: boolean): void {
    const others = [...this.#closed].filter((name) => name !== section);
    this.#replace(isOpen ? others : [...others, section]);
    this.#save([...this.#closed]);
  }

  /** Take over what was saved; anything but a list of names is ignored. */
  restore(saved: unknown): void {
    if (Array.isArray(saved)) this.#replace(saved.filter((name) => typeof name === "string"));
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #replace(closed: readonly string[]): void {
    this.#closed = new Set(closed);
    for (const listener of this.#listeners) listener();
  }
}
