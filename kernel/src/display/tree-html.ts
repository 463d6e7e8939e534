/** A tree of a value as HTML that folds without a script, in the theme's colours. */
import { escapeMarkup } from "./escape.ts";
import type { TreeNode } from "./tree.ts";

// Colours of the theme's code; where there is no theme, ones that read on light and on dark ground.
const STYLE = [
  ".mobula-tree{font-family:var(--jp-code-font-family,monospace);font-size:var(--jp-code-font-size,13px);line-height:1.5}",
  ".mobula-tree ul.mobula-tree-in{list-style:none;margin:0 0 0 .45em;padding:0 0 0 1em;border-left:1px solid var(--jp-border-color2,#8884)}",
  ".mobula-tree ul.mobula-tree-in>li{margin:0;padding:0;overflow-wrap:anywhere}",
  ".mobula-tree ul.mobula-tree-in>li.mobula-tree-leaf{padding-left:1em}",
  ".mobula-tree details,.mobula-tree details[open]{margin:0;padding:0;border:0;background:none}",
  ".mobula-tree summary{cursor:pointer;display:list-item;list-style:disclosure-closed inside;margin:0;padding:0;font-weight:normal}",
  ".mobula-tree details[open]>summary{list-style-type:disclosure-open;margin:0}",
  ".mobula-tree summary:hover{background:var(--jp-layout-color2,#8882)}",
  ".mobula-tree summary:focus-visible{outline:1px solid var(--jp-brand-color1,#1976d2)}",
  ".mobula-tree details[open]>summary>.mobula-tree-short{display:none}",
  ".mobula-tree-key{color:var(--jp-mirror-editor-property-color,#1b75bb)}",
  ".mobula-tree-string{color:var(--jp-mirror-editor-string-color,#b1542c);white-space:pre-wrap}",
  ".mobula-tree-number{color:var(--jp-mirror-editor-number-color,#1a8038)}",
  ".mobula-tree-keyword{color:var(--jp-mirror-editor-keyword-color,#8a5cc9)}",
  ".mobula-tree-note{color:var(--jp-ui-font-color2,#777);font-style:italic}",
  ".mobula-tree-short{color:var(--jp-ui-font-color2,#777)}",
].join("\n");

/** A fragment for `text/html`: nested `<details>`, the outermost open. */
export function treeHtml(root: TreeNode): string {
  return `<div class="mobula-tree"><style>${STYLE}</style>\n${branch(root, true)}\n</div>`;
}

function branch(node: TreeNode, isOpen: boolean): string {
  const label = node.type === "" ? "" : `${span("type", node.type)} `;
  const short = node.type === "" ? escapeMarkup(node.text) : span("short", node.text);
  const inside = node.children.map(item).join("\n");
  return `<details${isOpen ? " open" : ""}><summary>${keyOf(node)}${label}${short}</summary><ul class="mobula-tree-in">\n${inside}\n</ul></details>`;
}

function item(node: TreeNode): string {
  if (node.children.length > 0) return `<li>${branch(node, false)}</li>`;
  const text = node.kind === "text" ? escapeMarkup(node.text) : span(node.kind, node.text);
  return `<li class="mobula-tree-leaf">${keyOf(node)}${text}</li>`;
}

function keyOf({ key, isMapKey }: TreeNode): string {
  if (key === undefined) return "";
  return isMapKey === true ? `${span("key", key)} =&gt; ` : `${span("key", key)}: `;
}

function span(name: string, text: string): string {
  return `<span class="mobula-tree-${name}">${escapeMarkup(text)}</span>`;
}
