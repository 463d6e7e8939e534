/** Answers of the language thread in Jupyter's terms: code points for UTF-16 offsets, MIME bundles for hovers. */
import type { Language } from "../language/language.ts";
import type { NotebookText } from "../protocol/language-comm.ts";
import type {
  CompleteReplyContent,
  CursorContent,
  InspectReplyContent,
  IsCompleteReplyContent,
} from "../protocol/messages.ts";
import { toCodePointOffset, toUtf16Offset } from "../protocol/offsets.ts";
import { readMagic } from "./magic.ts";

/** Finds the cell that has this text, so that the cells around it count. */
export type FindNotebook = (code: string) => NotebookText | undefined;

export async function completeReply(
  language: Language,
  request: CursorContent,
  findNotebook: FindNotebook,
): Promise<CompleteReplyContent> {
  const { code } = readMagic(request.code);
  const place = { code, offset: toUtf16Offset(code, request.cursor_pos), ...around(code, findNotebook) };
  const { start, end, items } = await language.complete(place);
  return {
    status: "ok",
    matches: items.map(({ text }) => text),
    cursor_start: toCodePointOffset(code, start),
    cursor_end: toCodePointOffset(code, end),
    metadata: {
      // Not in the specification; JupyterLab shows kind and signature from here, one entry for each match.
      _jupyter_types_experimental: items.map(({ text, kind, signature }) => ({
        text,
        type: kind,
        ...(signature === undefined ? {} : { signature }),
        start: toCodePointOffset(code, start),
        end: toCodePointOffset(code, end),
      })),
    },
  };
}

export async function inspectReply(
  language: Language,
  request: CursorContent,
  findNotebook: FindNotebook,
): Promise<InspectReplyContent> {
  const { code } = readMagic(request.code);
  const place = { code, offset: toUtf16Offset(code, request.cursor_pos), ...around(code, findNotebook) };
  const hover = await language.inspect(place);
  return {
    status: "ok",
    found: hover !== undefined,
    data: hover ? { "text/plain": hover.text, "text/markdown": hover.markdown } : {},
    metadata: {},
  };
}

export async function isCompleteReply(
  language: Language,
  request: { readonly code: string },
): Promise<IsCompleteReplyContent> {
  const answer = await language.isComplete(readMagic(request.code).code);
  return answer.status === "incomplete" ? { status: "incomplete", indent: answer.indent } : { status: answer.status };
}

function around(code: string, findNotebook: FindNotebook): { readonly notebook?: NotebookText } {
  const notebook = findNotebook(code);
  return notebook ? { notebook } : {};
}
