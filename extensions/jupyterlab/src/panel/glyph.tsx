/** Small pictures that stand beside a word, never in its place. */
import type { ReactElement } from "react";

const SHAPES = {
  caret: "M6 4l4 4-4 4",
  check: "M3 8.5l3.2 3.2L13 5",
  cross: "M4 4l8 8M12 4l-8 8",
  play: "M5 3.5l7 4.5-7 4.5z",
  clock: "M8 4.5V8l2.5 1.8M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2z",
  slash: "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2zM3.8 3.8l8.4 8.4",
  dot: "M8 4a4 4 0 1 1 0 8a4 4 0 0 1 0-8z",
  pause: "M6 4v8M10 4v8",
  warning: "M8 2.5l6 11H2zM8 6.5v3.2M8 11.6v.3",
} as const;

export type GlyphName = keyof typeof SHAPES;

const FILLED: ReadonlySet<GlyphName> = new Set(["play", "dot"]);

/** A 12-pixel line drawing in the colour of the text around it, hidden from screen readers. */
export function Glyph({ name, className = "" }: { name: GlyphName; className?: string }): ReactElement {
  const isFilled = FILLED.has(name);
  return (
    <svg className={`mobula-Glyph ${className}`} viewBox="0 0 16 16" width="12" height="12" aria-hidden="true">
      <path d={SHAPES[name]} className={isFilled ? "mobula-Glyph-filled" : "mobula-Glyph-line"} />
    </svg>
  );
}
