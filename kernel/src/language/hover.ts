import ts from "typescript";
import { type DraftCell, withoutAlias } from "./completion.ts";
import type { Hover } from "./language.ts";

/**
 * What stands at `offset`: the name there or just before it, or else the function whose arguments surround it.
 * From types alone; nothing is evaluated.
 */
export function hoverAt(service: ts.LanguageService, draft: DraftCell, offset: number): Hover | undefined {
  const position = offset + draft.headerLength;
  const places = [position, position - 1, calleeAround(service, draft, position)];
  for (const place of places) {
    if (place === undefined || place < draft.headerLength) continue;
    const info = service.getQuickInfoAtPosition(draft.fileName, place);
    if (info) return toHover(info, draft);
  }
  return undefined;
}

/** Start of the name that is called around `position`. */
function calleeAround(service: ts.LanguageService, { fileName }: DraftCell, position: number): number | undefined {
  const sourceFile = service.getProgram()?.getSourceFile(fileName);
  if (!sourceFile) return undefined;
  let callee: ts.Expression | undefined;
  const visit = (node: ts.Node): void => {
    if (node.pos > position || node.end < position) return;
    if ((ts.isCallExpression(node) || ts.isNewExpression(node)) && node.expression.end < position)
      callee = node.expression;
    ts.forEachChild(node, visit);
  };
  visit(sourceFile);
  if (!callee) return undefined;
  return (ts.isPropertyAccessExpression(callee) ? callee.name : callee).getStart(sourceFile);
}

function toHover({ displayParts, documentation, tags }: ts.QuickInfo, { imported }: DraftCell): Hover {
  const declaration = withoutAlias(ts.displayPartsToString(displayParts), imported);
  const docs = ts.displayPartsToString(documentation);
  const tagLines = (tags ?? []).map((tag) => [tag.name, ts.displayPartsToString(tag.text)] as const);
  const markdown = [`\`\`\`typescript\n${declaration}\n\`\`\``, docs, ...tagLines.map(markdownTag)];
  const text = [declaration, docs, ...tagLines.map(([name, value]) => `@${name} ${value}`.trimEnd())];
  return { markdown: joinParts(markdown), text: joinParts(text) };
}

function markdownTag([name, value]: readonly [string, string]): string {
  if (name === "example")
    return `*@example*\n\n${value.includes("```") ? value : `\`\`\`typescript\n${value}\n\`\`\``}`;
  const [, subject, rest] = name === "param" ? (/^(\S+)(?:\s+(?:- )?([\s\S]*))?$/.exec(value) ?? []) : [];
  if (subject) return rest ? `*@param* \`${subject}\` — ${rest}` : `*@param* \`${subject}\``;
  return `*@${name}* ${value}`.trimEnd();
}

function joinParts(parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join("\n\n");
}
