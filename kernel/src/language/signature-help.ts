import ts from "typescript";
import type { HoverText } from "../protocol/language-comm.ts";
import { type DraftCell, withoutAlias } from "./completion.ts";

/**
 * The function whose arguments surround `offset`, and which of its parameters stands there. From types alone; nothing
 * is evaluated.
 */
export function signatureAt(service: ts.LanguageService, draft: DraftCell, offset: number): HoverText | undefined {
  const help = service.getSignatureHelpItems(draft.fileName, offset + draft.headerLength, {});
  const item = help?.items[help.selectedItemIndex];
  if (!help || !item || help.applicableSpan.start < draft.headerLength) return undefined;
  const active = item.parameters[Math.min(help.argumentIndex, item.isVariadic ? item.parameters.length - 1 : Infinity)];
  const name = withoutAlias(`(alias) ${signatureText(item)}`, draft.imported);
  const which = help.items.length > 1 ? `${help.selectedItemIndex + 1} of ${help.items.length} signatures` : "";
  const docs = ts.displayPartsToString(item.documentation);
  const parameter = active ? ts.displayPartsToString(active.displayParts) : "";
  const about = active ? ts.displayPartsToString(active.documentation).replace(/^- /, "") : "";
  return {
    markdown: joinParts([
      `\`\`\`typescript\n${name}\n\`\`\``,
      parameter && [`**\`${parameter}\`**`, about].filter(Boolean).join(" — "),
      docs,
      which && `*${which}*`,
    ]),
    text: joinParts([name, parameter && `→ ${[parameter, about].filter(Boolean).join(" — ")}`, docs, which]),
  };
}

function signatureText({
  prefixDisplayParts,
  separatorDisplayParts,
  suffixDisplayParts,
  parameters,
}: ts.SignatureHelpItem) {
  const separator = ts.displayPartsToString(separatorDisplayParts);
  const list = parameters.map(({ displayParts }) => ts.displayPartsToString(displayParts)).join(separator);
  return `${ts.displayPartsToString(prefixDisplayParts)}${list}${ts.displayPartsToString(suffixDisplayParts)}`;
}

function joinParts(parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join("\n\n");
}
