/** Values that know how a notebook shows them, and the template tags that make them. */
import { inspect } from "node:util";
import { escapeMarkup } from "./escape.ts";

/** Representation by MIME type. Binary types are base64 text. */
export type MimeBundle = Readonly<Record<string, unknown>>;

/** What is sent for a shown value. */
export interface ShownValue {
  readonly data: MimeBundle;
  readonly metadata: MimeBundle;
}

/** The method by which a value tells its representations; Deno and other kernels ask for it, too. */
export const JUPYTER_DISPLAY: unique symbol = Symbol.for("Jupyter.display");

export interface Displayable {
  [JUPYTER_DISPLAY](): MimeBundle | Promise<MimeBundle>;
}

/** Text of one MIME type. */
class Markup implements Displayable {
  readonly mimeType: string;
  readonly text: string;

  constructor(mimeType: string, text: string) {
    this.mimeType = mimeType;
    this.text = text;
  }

  [JUPYTER_DISPLAY](): MimeBundle {
    return { [this.mimeType]: this.text, "text/plain": this.text.trim() };
  }

  toString(): string {
    return this.text;
  }
}

/**
 * HTML. Interpolated values are escaped, except those made by `html` or `svg`; arrays are joined.
 *
 * @example html`<b>${name}</b>`
 */
export function html(strings: TemplateStringsArray | string, ...values: readonly unknown[]): Displayable {
  return new Markup("text/html", compose(strings, values, trustedOrEscaped));
}

/** SVG. Interpolated values are escaped as in {@link html}. */
export function svg(strings: TemplateStringsArray | string, ...values: readonly unknown[]): Displayable {
  return new Markup("image/svg+xml", compose(strings, values, trustedOrEscaped));
}

/** Markdown; interpolated values are put in as they are. */
export function md(strings: TemplateStringsArray | string, ...values: readonly unknown[]): Displayable {
  return new Markup("text/markdown", compose(strings, values, String));
}

/**
 * A formula in LaTeX, which needs no doubled backslashes here. Without delimiters (`$`, `\(`, `\[`, `\begin`) it is shown
 * on a line of its own.
 *
 * @example latex`\frac{${a}}{b}`
 */
export function latex(strings: TemplateStringsArray | string, ...values: readonly unknown[]): Displayable {
  const text = compose(typeof strings === "string" ? strings : strings.raw, values, String);
  return new Markup("text/latex", /\$|\\\(|\\\[|\\begin\b/.test(text) ? text : `$$${text}$$`);
}

/** A template's text, or a whole text given as an ordinary argument. */
function compose(
  strings: readonly string[] | string,
  values: readonly unknown[],
  show: (value: unknown) => string,
): string {
  if (typeof strings === "string") return strings;
  return strings.map((text, index) => (index === 0 ? text : showAll(values[index - 1], show) + text)).join("");
}

function showAll(value: unknown, show: (value: unknown) => string): string {
  return Array.isArray(value) ? value.map((item) => showAll(item, show)).join("") : show(value);
}

function trustedOrEscaped(value: unknown): string {
  const isMarkup = value instanceof Markup && (value.mimeType === "text/html" || value.mimeType === "image/svg+xml");
  return isMarkup ? value.text : escapeMarkup(String(value));
}

/** A note under the text of a value whose own display failed. */
export function describeFailure(error: unknown): string {
  const cause = error instanceof Error ? `${error.name}: ${error.message}` : inspect(error, { depth: 1 });
  return `(its display failed: ${cause})`;
}
