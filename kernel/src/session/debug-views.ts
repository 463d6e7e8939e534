/** How the debugger's front end shows a single variable: as the result of a cell, or as text while the code is paused. */
import { toBundle } from "../display/bundle.ts";
import { plainText } from "../display/plain-text.ts";

const VIEWS: unique symbol = Symbol.for("mobula.session.debugViews");

/** Put the functions where the debugger's expressions find them. */
export function installDebugViews(): void {
  const views = {
    bundle: async (value: unknown) => (await toBundle(value)) ?? text(value),
    text,
  };
  Object.defineProperty(globalThis, VIEWS, { value: views });
}

/** Works without turning the event loop. */
function text(value: unknown): { readonly data: object; readonly metadata: object } {
  return { data: { "text/plain": plainText(value) }, metadata: {} };
}
