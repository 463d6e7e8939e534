/** Marks for a cell while it is typed: errors, what is unused or deprecated, and edits that mend it. */
import ts from "typescript";
import type { LiveDiagnostic, QuickFix, TextEdit } from "../protocol/language-comm.ts";
import type { DraftCell } from "./completion.ts";
import { importOffset } from "./import-offset.ts";
import { type ImportableNames, importEdit } from "./importable-names.ts";
import type { CellDiagnostic } from "./language.ts";

/** Fixes cost a search each; a cell with more errors than this has one cause. */
const MAX_WITH_FIXES = 8;
const MAX_FIXES = 3;

/** Fixes that make sense in a file only, or that change what is checked. */
const UNWANTED_FIXES = new Set(["disableJsDiagnostics", "fixEnableJsxFlag", "setModuleOption", "setTargetOption"]);

const CANNOT_FIND_NAME = new Set([2304, 2552]);

const FORMAT: ts.FormatCodeSettings = { ...ts.getDefaultFormatCodeSettings("\n"), indentSize: 2 };
const PREFERENCES: ts.UserPreferences = { quotePreference: "double", importModuleSpecifierPreference: "relative" };

/** Diagnostics of the compiler in the form that front ends draw, with fixes. */
export function liveDiagnostics(
  service: ts.LanguageService,
  draft: DraftCell,
  found: readonly CellDiagnostic[],
  importable: ImportableNames,
): LiveDiagnostic[] {
  return found.map((diagnostic, index) => {
    if (index >= MAX_WITH_FIXES || diagnostic.code === 0) return { ...diagnostic, fixes: [] };
    const fixes = [...imports(draft, diagnostic, importable), ...quickFixes(service, draft, diagnostic)];
    return { ...diagnostic, fixes: fixes.slice(0, MAX_FIXES) };
  });
}

/** TypeScript only knows of modules that the program has loaded already. */
function imports(
  { code }: DraftCell,
  { code: number, start, length }: CellDiagnostic,
  importable: ImportableNames,
): QuickFix[] {
  if (!CANNOT_FIND_NAME.has(number)) return [];
  return importable.find(code.slice(start, start + length)).map((found) => ({
    title: `Add import from "${found.specifier}"`,
    edits: [importEdit(code, found)],
  }));
}

/** Locals that nobody reads, and names whose documentation says that they are deprecated. */
export function hints(service: ts.LanguageService, draft: DraftCell): LiveDiagnostic[] {
  return service.getSuggestionDiagnostics(draft.fileName).flatMap((suggestion) => {
    const category = suggestion.reportsDeprecated ? "deprecated" : suggestion.reportsUnnecessary ? "unused" : undefined;
    const start = suggestion.start - draft.headerLength;
    const isInside = start >= 0 && start + suggestion.length <= draft.code.length;
    if (!category || !isInside) return [];
    const message = ts.flattenDiagnosticMessageText(suggestion.messageText, "\n");
    const place = { code: suggestion.code, start, length: suggestion.length };
    return [{ category, message, ...place, fixes: quickFixes(service, draft, place) }];
  });
}

function quickFixes(
  service: ts.LanguageService,
  draft: DraftCell,
  { code, start, length }: Pick<CellDiagnostic, "code" | "start" | "length">,
): QuickFix[] {
  const from = start + draft.headerLength;
  const fixes = service.getCodeFixesAtPosition(draft.fileName, from, from + length, [code], FORMAT, PREFERENCES);
  const usable = fixes.flatMap(({ fixName, description, changes }) => {
    const edits = UNWANTED_FIXES.has(fixName) ? undefined : editsOf(changes, draft);
    return edits ? [{ title: description, edits }] : [];
  });
  const titles = new Set(usable.map(({ title }) => title));
  // Node's modules have two names; `node:fs` says whose it is.
  const isShortName = (title: string) => titles.has(title.replace(/"([\w/]+)"$/, '"node:$1"'));
  return usable.filter(({ title }) => !/"[\w/]+"$/.test(title) || !isShortName(title)).slice(0, MAX_FIXES);
}

/** @returns undefined when a change would touch anything but the user's text. */
function editsOf(changes: readonly ts.FileTextChanges[], draft: DraftCell): TextEdit[] | undefined {
  const edits: TextEdit[] = [];
  for (const { fileName, textChanges } of changes) {
    if (fileName !== draft.fileName) return undefined;
    for (const { span, newText } of textChanges) {
      const start = span.start - draft.headerLength;
      const isInside = start >= 0 && start + span.length <= draft.code.length;
      const edit = isInside ? { start, length: span.length, text: newText } : newImport(span, newText, draft.code);
      if (!edit) return undefined;
      edits.push(edit);
    }
  }
  return edits;
}

/** TypeScript puts a new import beside the module's first ones, which are ours; the user's stand in the cell. */
function newImport(span: ts.TextSpan, text: string, code: string): TextEdit | undefined {
  const line = text.trim();
  if (span.length > 0 || !/^import\b/.test(line) || line.includes('"./.cell-')) return undefined;
  return { start: importOffset(code), length: 0, text: `${line}\n` };
}
