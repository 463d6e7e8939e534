/** Replacing parts of a text without moving what stands around them. */

export interface Patch {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Apply patches; line numbers never change, columns only where a replacement is longer than what it replaces. */
export function applyPatches(source: string, patches: readonly Patch[]): string {
  let result = "";
  let position = 0;
  for (const patch of [...patches].sort((a, b) => a.start - b.start || a.end - b.end)) {
    // Inside a part that is replaced already: nothing is left to replace.
    if (patch.start < position) continue;
    result += source.slice(position, patch.start) + padded(patch.text, source.slice(patch.start, patch.end));
    position = patch.end;
  }
  return result + source.slice(position);
}

/** `text`, made as long as `original` and with as many lines. */
function padded(text: string, original: string): string {
  const rest = original.slice(text.length);
  const linesCovered = original.slice(0, text.length).match(/\n/g)?.length ?? 0;
  return text + "\n".repeat(linesCovered) + rest.replace(/[^\n]/g, " ");
}
