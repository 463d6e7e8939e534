import ts from "typescript";
import type { HoverText } from "../protocol/language-comm.ts";
import { type DraftCell, withoutAlias } from "./completion.ts";

/** The name at `offset` or just before it. From types alone; nothing is evaluated. */
export function nameAt(service: ts.LanguageService, draft: DraftCell, offset: number): HoverText | undefined {
  const position = offset + draft.headerLength;
  for (const place of [position, position - 1]) {
    if (place < draft.headerLength) continue;
    const info = service.getQuickInfoAtPosition(draft.fileName, place);
    if (info) return toHover(info, draft);
  }
  return undefined;
}

function toHover({ displayParts, documentation, tags }: ts.QuickInfo, { imported }: DraftCell): HoverText {
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
