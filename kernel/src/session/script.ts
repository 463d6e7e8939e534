/** Evaluates text of a cell as scripts of the global realm, with `import()` relative to the notebook. */
import vm from "node:vm";
import { withoutWarnings } from "./warnings.ts";

/**
 * Evaluate `code` as a script named `fileName`. Its first line counts as the line above the user's first one, where the
 * language part puts what it adds.
 */
export function runScript(code: string, fileName: string): unknown {
  return new vm.Script(code, {
    filename: fileName,
    lineOffset: -1,
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  }).runInThisContext({ displayErrors: false });
}

/** Import something once, so that Node's warning about the way to import is spent unseen. */
export async function silenceLoaderWarning(): Promise<void> {
  await withoutWarnings(() => runScript('import("node:path")', "session.js"));
}
