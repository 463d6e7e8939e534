import { type Displayable, JUPYTER_DISPLAY, type MimeBundle } from "./displayable.ts";
import { plainJson } from "./plain-json.ts";
import { plainText } from "./plain-text.ts";

export interface JsonOptions {
  /** Fold everything out at first. Default false. */
  readonly expanded?: boolean;
}

/** Show `value` in the front end's own viewer for JSON, which can fold, search and copy. */
export function json(value: unknown, { expanded = false }: JsonOptions = {}): Displayable {
  const data = { "application/json": plainJson(value), "text/plain": plainText(value) };
  return { [JUPYTER_DISPLAY]: (): MimeBundle => ({ data, metadata: { "application/json": { expanded } } }) };
}
