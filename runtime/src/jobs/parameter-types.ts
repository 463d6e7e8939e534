/** What TypeScript's checker says about a parameters cell. Takes about half a second, so it is asked only when needed. */
import { join } from "node:path";
import type ts from "typescript";
import type { ParametersCell } from "./parameters.ts";

/** A variable of the cell and an expression to assign to it. */
export interface Assignment {
  readonly name: string;
  readonly expression: string;
}

/** The type of each top-level variable, as TypeScript writes it; literal types are widened. */
export async function typesOfVariables(cell: ParametersCell): Promise<ReadonlyMap<string, string>> {
  const compiler = (await import("typescript")).default;
  const { file, checker } = createChecker(compiler, cell, "");
  const types = new Map<string, string>();
  for (const statement of file.statements.filter(compiler.isVariableStatement)) {
    for (const { name } of statement.declarationList.declarations) {
      const type = checker.getTypeAtLocation(name);
      const text = checker.typeToString(type, undefined, compiler.TypeFormatFlags.NoTruncation);
      if (compiler.isIdentifier(name)) types.set(name.text, text);
    }
  }
  return types;
}

/** The assignments that the types of the cell's variables forbid. A variable whose type is unknown takes everything. */
export async function findMistyped(cell: ParametersCell, assignments: readonly Assignment[]): Promise<Assignment[]> {
  const compiler = (await import("typescript")).default;
  // In a function of its own, because there the checker goes by the declared types, not by the values assigned last.
  const lines = assignments.map(({ name, expression }) => `${name} = ${expression};`);
  const { file, program } = createChecker(compiler, cell, `function checkParameters() {\n${lines.join("\n")}\n}\n`);
  const firstLine = file.getLineAndCharacterOfPosition(file.text.lastIndexOf("function checkParameters()")).line + 1;
  const wrongLines = program
    .getSemanticDiagnostics(file)
    .map((diagnostic) => file.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line - firstLine);
  return assignments.filter((_, index) => wrongLines.includes(index));
}

function createChecker(
  compiler: typeof ts,
  cell: ParametersCell,
  appended: string,
): { program: ts.Program; checker: ts.TypeChecker; file: ts.SourceFile } {
  const fileName = join(cell.directory, "mobula-parameters-cell.ts");
  const options: ts.CompilerOptions = {
    target: compiler.ScriptTarget.ES2023,
    module: compiler.ModuleKind.NodeNext,
    moduleDetection: compiler.ModuleDetectionKind.Force,
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    types: [],
  };
  const host = compiler.createCompilerHost(options, true);
  const readFromDisk = host.getSourceFile.bind(host);
  const text = `${constantsAsVariables(compiler, cell.source)}\n${appended}`;
  const virtual = compiler.createSourceFile(fileName, text, compiler.ScriptTarget.ES2023, true);
  host.getSourceFile = (name, ...rest) => (name === fileName ? virtual : readFromDisk(name, ...rest));
  const program = compiler.createProgram([fileName], options, host);
  return { program, checker: program.getTypeChecker(), file: virtual };
}

/** `const lr = 0.1` as `let lr = 0.1`: its type is `number` then, not `0.1`, and it can be assigned to. */
function constantsAsVariables(compiler: typeof ts, source: string): string {
  const file = compiler.createSourceFile("cell.ts", source, compiler.ScriptTarget.ES2023, true);
  let text = source;
  for (const { declarationList } of file.statements.filter(compiler.isVariableStatement)) {
    const start = declarationList.getStart(file);
    // As long as `const`, so that later positions stay right.
    if (text.startsWith("const", start)) text = `${text.slice(0, start)}let  ${text.slice(start + 5)}`;
  }
  return text;
}
