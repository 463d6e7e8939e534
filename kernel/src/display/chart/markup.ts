/** Small pieces of SVG. */
import { escapeMarkup } from "../escape.ts";

type Attributes = Readonly<Record<string, string | number | undefined>>;

// A light panel of its own: dark text and coloured marks read on it whatever the page around it.
export const PANEL = "#ffffff";
export const INK = "#2a3444";
export const FAINT = "#6b7686";
export const GRID = "#e6eaf0";
/** Text is measured by this width of a character, in shares of the font size; fonts differ a little. */
const CHARACTER_WIDTH = 0.56;

export function element(name: string, attributes: Attributes, content = ""): string {
  const list = Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : `${key}="${typeof value === "number" ? round(value) : escapeMarkup(value)}"`,
  );
  return content === "" ? `<${name} ${list.join(" ")}/>` : `<${name} ${list.join(" ")}>${content}</${name}>`;
}

export function label(text: string, attributes: Attributes & { readonly x: number; readonly y: number }): string {
  return element("text", { fill: FAINT, "font-size": 11, ...attributes }, escapeMarkup(text));
}

/** About how many pixels wide `text` is. */
export function textWidth(text: string, fontSize: number): number {
  return text.length * fontSize * CHARACTER_WIDTH;
}

export function shorten(text: string, maxLength: number): string {
  return text.length > maxLength ? `${text.slice(0, maxLength - 1).replace(/[\uD800-\uDBFF]$/, "")}…` : text;
}

/** Pixels with two decimals: enough for the eye, and short. */
export function round(value: number): string {
  return String(Math.round(value * 100) / 100);
}
