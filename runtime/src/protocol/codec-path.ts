/** Where in a value something lies, in words. */

/** Where in a value something is: property names and array indexes, or a variable of a function. */
export type PathStep = string | number | symbol | CaptureStep;

export interface CaptureStep {
  readonly capture: string;
  /** Where the function uses it, e.g. `line 3 of cell [7]`; may be empty. */
  readonly place: string;
}

export interface PathDescription {
  /** The path alone: `args[0].db`, `task 'load' → db.client`. */
  readonly text: string;
  /** The start of a sentence: "task 'load' captures `db.client`". */
  readonly subject: string;
  /** `line 3 of cell [7]`, for captured variables. */
  readonly place: string;
  /** Between subject and predicate. */
  readonly joint: string;
}

/** @param path - the root's name first. */
export function describePath(path: readonly PathStep[]): PathDescription {
  const names: string[] = [];
  let place: string | undefined;
  for (const step of path) {
    if (typeof step === "object") {
      place = step.place;
      names.push(step.capture);
    } else {
      const name = names.pop();
      names.push((name ?? "") + formatStep(step, name === undefined));
    }
  }
  const text = names.join(" → ");
  const [root = "", ...captured] = names;
  if (place === undefined) return { text, subject: quote(root), place: "", joint: "" };
  return { text, subject: `${root} captures ${captured.map(quote).join(" → ")}`, place, joint: ", which" };
}

function formatStep(step: string | number | symbol, isFirst: boolean): string {
  if (typeof step === "number") return `[${step}]`;
  if (typeof step === "symbol") return `[${String(step)}]`;
  if (isFirst) return step;
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
}

/** Names of one word are code; "task 'load'" is not. */
function quote(name: string): string {
  return name.includes(" ") ? name : `\`${name}\``;
}
