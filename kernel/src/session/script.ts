/** Evaluates text of a cell as scripts of the global realm, with `import()` relative to the notebook. */
import vm from "node:vm";
import { toSourceUrl } from "./cell-registry.ts";

const HOISTED_SOURCE: unique symbol = Symbol.for("mobula.session.hoistedSource");

/**
 * Evaluate `code` as a script named `fileName`.
 *
 * @param lineOffset - added to every line number that V8 reports.
 */
export function runScript(code: string, fileName: string, lineOffset = 0): unknown {
  return new vm.Script(code, {
    filename: fileName,
    lineOffset,
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  }).runInThisContext({ displayErrors: false });
}

/**
 * Run a script of function declarations. Declared by a script they could never be deleted or become anything else;
 * declared by an indirect `eval` they can. The script around it gives `import()` its base.
 */
export function runHoisted(code: string, fileName: string): void {
  const text = `${code}\n//# sourceURL=${toSourceUrl(fileName)}`;
  Object.defineProperty(globalThis, HOISTED_SOURCE, { value: text, configurable: true });
  try {
    runScript('(0, eval)(globalThis[Symbol.for("mobula.session.hoistedSource")])', fileName);
  } finally {
    Reflect.deleteProperty(globalThis, HOISTED_SOURCE);
  }
}

/** Use the loader option once, so that Node's warning about it is spent, and swallow that one warning. */
export function silenceLoaderWarning(): void {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    runScript("0", "mobula-session.js");
  } finally {
    process.emitWarning = emitWarning;
  }
}
