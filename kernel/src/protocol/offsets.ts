/**
 * Jupyter counts cursor positions in Unicode code points (since protocol 5.2); JavaScript and TypeScript count UTF-16
 * code units. They differ after every character outside the basic plane, such as an emoji.
 */

/** Code points → UTF-16 code units. Positions outside the text are moved to its nearest end. */
export function toUtf16Offset(text: string, codePoints: number): number {
  let offset = 0;
  for (let seen = 0; seen < codePoints && offset < text.length; seen++) offset += widthAt(text, offset);
  return offset;
}

/** UTF-16 code units → code points. An offset inside a surrogate pair counts the whole pair. */
export function toCodePointOffset(text: string, utf16Offset: number): number {
  let codePoints = 0;
  for (let offset = 0; offset < utf16Offset && offset < text.length; codePoints++) offset += widthAt(text, offset);
  return codePoints;
}

function widthAt(text: string, offset: number): 1 | 2 {
  return (text.codePointAt(offset) ?? 0) > 0xffff ? 2 : 1;
}
