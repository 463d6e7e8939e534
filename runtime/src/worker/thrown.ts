/** What user code threw, as the one who waits for it should see it. */

/** Frames of this package's worker program, below the user's. */
const OWN_FRAME =
  /[/\\](?:runtime|mobula|node)[/\\](?:dist|src)[/\\](?:worker|ray-worker|engine|api|node|chunks)[/\\]|\(?node:[a-z_/]+/;

/** The stack without the frames that led from the worker to the user's function. */
export function userStack(stack: string): string {
  const lines = stack.split("\n");
  while (lines.length > 1) {
    const last = lines.at(-1) ?? "";
    if (!/^\s+at /.test(last) || !OWN_FRAME.test(last)) break;
    lines.pop();
  }
  return lines.join("\n");
}

/** Names of the value's classes, most derived first: how `retryOn` recognizes a class across processes. */
export function classNamesOf(thrown: unknown): string[] {
  const names: string[] = [];
  if (typeof thrown !== "object" || thrown === null) return names;
  try {
    for (let prototype = Object.getPrototypeOf(thrown) as object | null; prototype !== null && names.length < 16; ) {
      const { constructor } = prototype;
      if (typeof constructor === "function" && constructor.name !== "") names.push(constructor.name);
      prototype = Object.getPrototypeOf(prototype) as object | null;
    }
  } catch {
    // A proxy that does not say: what is known so far.
  }
  return names;
}
