/** Pictures: encoded bytes, SVG text and DOM elements. */
import { type Displayable, JUPYTER_DISPLAY, type MimeBundle, type ShownValue } from "./displayable.ts";
import { imageTypeOf, isSvgText } from "./image-types.ts";

export interface ImageOptions {
  /** Width on the page, in CSS pixels. Default: the picture's own. */
  readonly width?: number;
  /** Height on the page, in CSS pixels. Default: the picture's own. */
  readonly height?: number;
}

/**
 * Show a picture.
 *
 * @param content - a PNG, JPEG, GIF or WebP as bytes, or an SVG document as bytes or text.
 * @throws TypeError when `content` is none of these.
 */
export function image(content: Uint8Array | ArrayBuffer | string, options: ImageOptions = {}): Displayable {
  const shown = showImage(content, options);
  if (shown === undefined) {
    throw new TypeError("image() takes the bytes of a PNG, JPEG, GIF or WebP picture, or an SVG document.");
  }
  return { [JUPYTER_DISPLAY]: (): MimeBundle => ({ ...shown }) };
}

/** The representations of a picture; undefined when `content` is none that a front end shows. */
export function showImage(
  content: Uint8Array | ArrayBuffer | string,
  options: ImageOptions = {},
): ShownValue | undefined {
  if (typeof content === "string") return isSvgText(content) ? showSvg(content, options) : undefined;
  const bytes = content instanceof Uint8Array ? content : new Uint8Array(content);
  const type = imageTypeOf(bytes);
  if (type === undefined) {
    const isMarkup = bytes[0] === 0x3c || bytes[0] === 0xef || bytes[0] === 0x20 || bytes[0] === 0x0a;
    return isMarkup ? showImage(Buffer.from(bytes).toString("utf8"), options) : undefined;
  }
  const data = { [type]: Buffer.from(bytes).toString("base64"), "text/plain": `${type}, ${bytes.length} bytes` };
  return { data, metadata: sizeMetadata(type, options) };
}

function showSvg(text: string, options: ImageOptions): ShownValue {
  const data = { "image/svg+xml": text, "text/plain": `image/svg+xml, ${text.length} characters` };
  return { data, metadata: sizeMetadata("image/svg+xml", options) };
}

function sizeMetadata(type: string, { width, height }: ImageOptions): MimeBundle {
  const size = { ...(width === undefined ? {} : { width }), ...(height === undefined ? {} : { height }) };
  return Object.keys(size).length === 0 ? {} : { [type]: size };
}

/**
 * Elements of a DOM made outside the browser, as Observable Plot returns them with a `document` of linkedom or jsdom. A
 * drawing goes into the page as it is, where its `currentColor` is the theme's, and beside that as a picture for programs
 * that know no HTML.
 */
export function showElement(value: object): ShownValue | undefined {
  const { outerHTML, tagName } = value as { outerHTML?: unknown; tagName?: unknown };
  if (typeof outerHTML !== "string") return undefined;
  const name = typeof tagName === "string" ? tagName.toLowerCase() : (/^\s*<([\w-]+)/.exec(outerHTML)?.[1] ?? "html");
  const picture = name === "svg" ? { "image/svg+xml": withNamespace(outerHTML) } : {};
  return { data: { "text/html": outerHTML, ...picture, "text/plain": `<${name}> element` }, metadata: {} };
}

/** HTML knows what `<svg>` means; a file of its own has to say it. */
function withNamespace(markup: string): string {
  return /^<svg[^>]*\sxmlns=/.test(markup)
    ? markup
    : markup.replace(/^<svg/, '<svg xmlns="http://www.w3.org/2000/svg"');
}
