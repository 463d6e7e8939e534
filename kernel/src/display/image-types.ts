type Signature = readonly (number | undefined)[];

const SIGNATURES: readonly (readonly [string, Signature])[] = [
  ["image/png", [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]],
  ["image/jpeg", [0xff, 0xd8, 0xff]],
  ["image/gif", [0x47, 0x49, 0x46, 0x38]],
  // `RIFF`, four bytes of size, `WEBP`
  ["image/webp", [0x52, 0x49, 0x46, 0x46, undefined, undefined, undefined, undefined, 0x57, 0x45, 0x42, 0x50]],
];

/** The MIME type of an encoded picture, told by its first bytes. */
export function imageTypeOf(bytes: Uint8Array): string | undefined {
  const matches = (signature: Signature): boolean =>
    signature.every((byte, index) => byte === undefined || bytes[index] === byte);
  return SIGNATURES.find(([, signature]) => matches(signature))?.[0];
}

/** Whether text is an SVG document, with or without an XML declaration before it. */
export function isSvgText(text: string): boolean {
  return /^\uFEFF?\s*(<\?xml[^>]*>\s*)?(<!--[\s\S]*?-->\s*)*(<!DOCTYPE svg[^>]*>\s*)?<svg[\s/>]/i.test(text);
}
