/** Turns a TypeScript file into JavaScript. Loads the compiler, so import it only when there is a file to turn. */
import { blankSourceFile } from "ts-blank-space";
import ts from "typescript";

/**
 * Blank out the types of `source`, so that positions stay. A file with syntax that blanking cannot remove (enums,
 * namespaces with values, parameter properties, decorators, JSX) is emitted by the compiler, and its lines may move.
 */
export function eraseTypes(source: string, path: string): string {
  const isJsx = path.endsWith("x");
  const kind = isJsx ? ts.ScriptKind.TSX : ts.ScriptKind.TS;
  const file = ts.createSourceFile(path, source, { languageVersion: ts.ScriptTarget.ESNext }, true, kind);
  let needsEmit = isJsx || /^\s*@\w/m.test(source);
  const blanked = blankSourceFile(file, () => {
    needsEmit = true;
  });
  return needsEmit ? emit(file) : blanked;
}

function emit(file: ts.SourceFile): string {
  const { outputText, diagnostics } = ts.transpileModule(file.text, {
    fileName: file.fileName,
    reportDiagnostics: true,
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      jsx: ts.JsxEmit.ReactJSX,
      experimentalDecorators: false,
      inlineSourceMap: false,
    },
  });
  const [first] = diagnostics ?? [];
  if (first === undefined) return outputText;
  const { line, character } = ts.getLineAndCharacterOfPosition(file, first.start ?? 0);
  const message = ts.flattenDiagnosticMessageText(first.messageText, "\n");
  throw new SyntaxError(`${file.fileName}:${line + 1}:${character + 1}: ${message}`);
}
