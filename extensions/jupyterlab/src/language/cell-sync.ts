/** What the kernel knows of the notebook's cells, and what it has yet to hear. No kernel, no editors. */
import type { CellText, LanguageRequest } from "./protocol.ts";

export class CellSync {
  /** Texts as they were sent, with the revision that brought them. */
  readonly #sent = new Map<string, { readonly code: string; readonly revision: number }>();
  readonly #touched = new Set<string>();
  #order: readonly string[] = [];
  #revision = 0;

  /** Somebody typed in the cell: its marks may be gone, even if the text is what it was. */
  touch(cellId: string): void {
    this.#touched.add(cellId);
  }

  /** @returns the message that brings the kernel up to date; undefined when it is. */
  update(cells: readonly CellText[]): Extract<LanguageRequest, { type: "cells" }> | undefined {
    const order = cells.map(({ id }) => id);
    const changed = cells.filter(({ id, code }) => this.#touched.has(id) || this.#sent.get(id)?.code !== code);
    const isSameOrder = order.length === this.#order.length && order.every((id, index) => id === this.#order[index]);
    this.#touched.clear();
    if (changed.length === 0 && isSameOrder) return undefined;
    const revision = ++this.#revision;
    for (const { id, code } of changed) this.#sent.set(id, { code, revision });
    const present = new Set(order);
    for (const id of this.#sent.keys()) if (!present.has(id)) this.#sent.delete(id);
    this.#order = order;
    return { type: "cells", revision, order, changed };
  }

  /** Does an answer that rests on `revision` speak of the text that the cell has now? */
  isCurrent({ id, code }: CellText, revision: number): boolean {
    const sent = this.#sent.get(id);
    return sent !== undefined && sent.code === code && sent.revision <= revision && !this.#touched.has(id);
  }

  /** The kernel knows nothing any more. */
  reset(): void {
    this.#sent.clear();
    this.#touched.clear();
    this.#order = [];
  }
}
