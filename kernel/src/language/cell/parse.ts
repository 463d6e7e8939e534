import ts from "typescript";

/** A cell's syntax tree. With `errors` the tree is TypeScript's best guess. */
export interface ParsedCell {
  readonly sourceFile: ts.SourceFile;
  /** The cell holds JSX, so its module is a `.tsx` file, where `<T>value` is not a type assertion. */
  readonly isTsx: boolean;
  readonly errors: readonly ts.DiagnosticWithLocation[];
}

/** Parse a cell: as TypeScript where possible, as TSX where only that works. */
export function parseCell(code: string): ParsedCell {
  const plain = parseAs(code, ts.ScriptKind.TS);
  if (plain.errors.length === 0) return plain;
  const tsx = parseAs(code, ts.ScriptKind.TSX);
  if (tsx.errors.length !== plain.errors.length) return tsx.errors.length < plain.errors.length ? tsx : plain;
  return firstError(tsx) > firstError(plain) ? tsx : plain;
}

/** Parse text that is JavaScript already. */
export function parseJavaScript(code: string): ts.SourceFile {
  return parseAs(code, ts.ScriptKind.JS).sourceFile;
}

/** Parse text of which it is known whether it is TSX. */
export function parseAs(code: string, kind: ts.ScriptKind): ParsedCell {
  const options: ts.CreateSourceFileOptions = {
    languageVersion: ts.ScriptTarget.ESNext,
    impliedNodeFormat: ts.ModuleKind.ESNext,
    jsDocParsingMode: ts.JSDocParsingMode.ParseNone,
    // Every cell is a module, so that `await` at its top level parses as such.
    setExternalModuleIndicator: (file) => {
      (file as { externalModuleIndicator?: true }).externalModuleIndicator = true;
    },
  };
  const fileName = kind === ts.ScriptKind.TSX ? "cell.tsx" : kind === ts.ScriptKind.JS ? "cell.js" : "cell.ts";
  const sourceFile = ts.createSourceFile(fileName, code, options, /* setParentNodes */ true, kind);
  return { sourceFile, isTsx: kind === ts.ScriptKind.TSX, errors: parseErrors(sourceFile) };
}

/** The compiler keeps the errors of parsing on the tree, but does not declare the field. */
function parseErrors(sourceFile: ts.SourceFile): readonly ts.DiagnosticWithLocation[] {
  return (sourceFile as unknown as { parseDiagnostics: readonly ts.DiagnosticWithLocation[] }).parseDiagnostics;
}

function firstError(cell: ParsedCell): number {
  return cell.errors[0]?.start ?? Number.POSITIVE_INFINITY;
}
