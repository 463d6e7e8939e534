/** Type and documentation of the name below the pointer. */
import type { Extension } from "@codemirror/state";
import { type EditorView, hoverTooltip, type Tooltip } from "@codemirror/view";
import type { ICellModel } from "@jupyterlab/cells";
import type { IRenderMimeRegistry } from "@jupyterlab/rendermime";
import type { FindLanguage } from "./editor-extension.ts";

const MARKDOWN = "text/markdown";

export function hoverExtension(cell: ICellModel, find: FindLanguage, rendermime: IRenderMimeRegistry): Extension {
  return hoverTooltip((view, position) => tooltipAt(view, position, { cell, find, rendermime }), {
    hideOnChange: true,
  });
}

interface HoverParts {
  readonly cell: ICellModel;
  readonly find: FindLanguage;
  readonly rendermime: IRenderMimeRegistry;
}

async function tooltipAt(
  view: EditorView,
  position: number,
  { cell, find, rendermime }: HoverParts,
): Promise<Tooltip | null> {
  const word = view.state.wordAt(position);
  if (!word) return null;
  const hover = await find(cell)?.ask({ kind: "hover", cellId: cell.id, offset: word.from });
  if (!hover) return null;
  const renderer = rendermime.createRenderer(MARKDOWN);
  await renderer.renderModel(rendermime.createModel({ data: { [MARKDOWN]: hover.markdown } }));
  // The answer took a moment. Shown to a pointer that has left, the tooltip would stay, and cover what it points at next.
  if (!view.dom.matches(":hover")) {
    renderer.dispose();
    return null;
  }
  const dom = document.createElement("div");
  dom.className = "mobula-Hover";
  dom.append(renderer.node);
  return { pos: word.from, end: word.to, above: true, create: () => ({ dom, destroy: () => renderer.dispose() }) };
}
