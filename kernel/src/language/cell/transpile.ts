import ts from "typescript";
import { parseJavaScript } from "./parse.ts";

/** How JSX and decorators of a project are compiled; the rest is fixed. */
export type TranspileOptions = Pick<
  ts.CompilerOptions,
  "jsx" | "jsxFactory" | "jsxFragmentFactory" | "jsxImportSource" | "experimentalDecorators"
>;

/**
 * Compile a statement that cannot be erased in place (enum, namespace, parameter property, decorator, JSX, `using`), for
 * Node 20. Lines of the result stand where the lines they come from stood, as far as the printed form allows, and the
 * result has exactly as many line breaks as the input.
 */
export function transpileStatement(text: string, isTsx: boolean, options: TranspileOptions): string {
  const { outputText, sourceMapText } = ts.transpileModule(text, {
    fileName: isTsx ? "cell.tsx" : "cell.ts",
    compilerOptions: {
      jsx: ts.JsxEmit.React,
      ...options,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      moduleDetection: ts.ModuleDetectionKind.Force,
      verbatimModuleSyntax: false,
      removeComments: true,
      sourceMap: true,
      newLine: ts.NewLineKind.LineFeed,
    },
  });
  const output = outputText.replace(/\/\/# sourceMappingURL=.*\s*$/, "").replace(/export \{\};\s*$/, "");
  const { mappings } = JSON.parse(sourceMapText ?? '{"mappings":""}') as { mappings: string };
  return realign(output.trimEnd(), firstLines(mappings), text.split("\n").length - 1);
}

/** Put each printed line back on its original line. TypeScript's printer ends every statement with `;`, so that a line
 * break outside of a literal may become a space, or several breaks. */
function realign(output: string, originalLines: readonly (number | undefined)[], breaks: number): string {
  const literals = literalBreaks(output);
  let result = "";
  let line = 0;
  let offset = 0;
  for (const [index, printed] of output.split("\n").entries()) {
    if (index > 0) {
      const target = originalLines[index] ?? line;
      const separator = literals.has(offset - 1)
        ? "\n"
        : "\n".repeat(Math.max(0, Math.min(target, breaks) - line)) || " ";
      result += separator;
      line += separator === " " ? 0 : separator.length;
    }
    result += literals.has(offset - 1) ? printed : printed.trimStart();
    offset += printed.length + 1;
  }
  return result + "\n".repeat(Math.max(0, breaks - line));
}

/** Offsets of the line breaks that belong to a string or template. */
function literalBreaks(output: string): ReadonlySet<number> {
  const breaks = new Set<number>();
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteral(node) || ts.isTemplateMiddleOrTemplateTail(node) || isTemplateStart(node)) {
      for (let at = node.getStart(); at < node.end; at++) if (output[at] === "\n") breaks.add(at);
    }
    ts.forEachChild(node, visit);
  };
  visit(parseJavaScript(output));
  return breaks;
}

function isTemplateStart(node: ts.Node): boolean {
  return ts.isNoSubstitutionTemplateLiteral(node) || ts.isTemplateHead(node);
}

/** For each printed line, the original line of its first mapped token (both from 0). */
function firstLines(mappings: string): (number | undefined)[] {
  let original = 0;
  return mappings.split(";").map((line) => {
    let first: number | undefined;
    for (const segment of line.split(",").filter(Boolean)) {
      original += decodeVlq(segment)[2] ?? 0;
      first ??= original;
    }
    return first;
  });
}

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Base64 variable-length quantities of a source map. @see https://tc39.es/ecma426/ */
function decodeVlq(segment: string): number[] {
  const values: number[] = [];
  let value = 0;
  let shift = 0;
  for (const character of segment) {
    const digit = BASE64.indexOf(character);
    value += (digit & 31) << shift;
    shift += 5;
    if (digit & 32) continue;
    values.push(value & 1 ? -(value >> 1) : value >> 1);
    value = 0;
    shift = 0;
  }
  return values;
}
