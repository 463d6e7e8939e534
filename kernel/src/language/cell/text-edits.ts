/** Changes to a text, collected in any order and applied at once. Offsets always mean the original text. */
export class TextEdits {
  readonly #text: string;
  readonly #edits: { start: number; end: number; text: string; order: number }[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  replace(start: number, end: number, text: string): void {
    this.#edits.push({ start, end, text, order: this.#edits.length });
  }

  /** Insert before the character at `offset`; several insertions at one place keep the order of the calls. */
  insert(offset: number, text: string): void {
    this.replace(offset, offset, text);
  }

  /** Replace by spaces, keeping line breaks; `prefix` takes the place of the first characters. */
  blank(start: number, end: number, prefix = ""): void {
    this.replace(start, end, prefix + blankText(this.#text.slice(start + prefix.length, end)));
  }

  get isEmpty(): boolean {
    return this.#edits.length === 0;
  }

  /** @throws Error when two edits overlap: a bug of the caller, better loud than wrong code. */
  apply(start = 0, end: number = this.#text.length): string {
    const edits = this.#edits
      .filter((edit) => edit.start >= start && edit.end <= end)
      .sort((a, b) => a.start - b.start || a.end - b.end || a.order - b.order);
    let output = "";
    let done = start;
    for (const edit of edits) {
      if (edit.start < done) throw new Error(`Overlapping edits at offset ${edit.start}`);
      output += this.#text.slice(done, edit.start) + edit.text;
      done = edit.end;
    }
    return output + this.#text.slice(done, end);
  }
}

/** Spaces of the same length (in UTF-16 units), with the same line breaks. */
export function blankText(text: string): string {
  return text.replace(/[^\n\r\u2028\u2029]/g, " ");
}

/** How many characters at the end of `text` are spaces. */
export function trailingSpaces(text: string): number {
  return text.length - text.replace(/ +$/, "").length;
}
