/** JupyterLab's completer counts code points; editors and the kernel's language service count UTF-16 code units. */

/** @returns how many code points stand before a UTF-16 offset. */
export function toCodePoints(text: string, offset: number): number {
  return Array.from(text.slice(0, offset)).length;
}

/** @returns the UTF-16 offset behind so many code points. */
export function toUtf16(text: string, codePoints: number): number {
  return Array.from(text).slice(0, codePoints).join("").length;
}
