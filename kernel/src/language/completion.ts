import ts from "typescript";
import type { Completion, CompletionItem } from "../protocol/language-comm.ts";
import { type ImportableNames, importEdit } from "./importable-names.ts";
import { withoutCellModules } from "./module-names.ts";
import type { LiveName } from "./notebook-world.ts";

/** A cell's text as a module that the language service can be asked about. */
export interface DraftCell {
  readonly fileName: string;
  readonly code: string;
  readonly headerLength: number;
  /** Names of earlier cells that it imports. */
  readonly imported: readonly LiveName[];
}

/** Members of the compiler that its types leave out. `getCompletionEntryDetails` uses the same. */
interface Internals {
  readonly SymbolDisplay: {
    getSymbolDisplayPartsDocumentationAndSymbolKind(
      checker: ts.TypeChecker,
      symbol: ts.Symbol,
      file: ts.SourceFile,
      enclosing: ts.Node,
      location: ts.Node,
      meaning: number,
    ): { readonly displayParts: readonly ts.SymbolDisplayPart[] };
  };
  getTouchingPropertyName(file: ts.SourceFile, position: number): ts.Node;
}
/** A name as value, type and namespace. */
const ALL_MEANINGS = 7;

/** Signatures cost a type each: only short lists get them. */
const MAX_SIGNATURES = 40;
const MAX_SIGNATURE_LENGTH = 200;

/** A single letter would bring half of every package. */
const MIN_IMPORT_PREFIX = 2;
const MAX_IMPORTS = 20;

/** What could stand at `offset`: TypeScript's list and order, filtered by what is typed already. */
export function completionsAt(
  service: ts.LanguageService,
  draft: DraftCell,
  offset: number,
  importable?: ImportableNames,
): Completion {
  const position = offset + draft.headerLength;
  const info = service.getCompletionsAtPosition(draft.fileName, position, {
    includeCompletionsForModuleExports: false,
    includeCompletionsForImportStatements: false,
    includeSymbol: true,
  });
  const wordStart = startOfWord(draft.code, offset);
  if (!info) return { start: wordStart, end: offset, items: [] };
  // Inside of strings TypeScript says what it would replace: a path's last part, a whole literal.
  const span = info.entries.find(({ replacementSpan }) => replacementSpan)?.replacementSpan;
  const start = span ? Math.min(span.start - draft.headerLength, offset) : wordStart;
  const entries = matching(info.entries, draft.code.slice(start, offset));
  const hasSignatures = entries.length <= MAX_SIGNATURES;
  const describe = describer(service, draft, position);
  const items = entries.map((entry): CompletionItem => {
    const signature = hasSignatures ? describe(entry) : undefined;
    const isDeprecated = /\bdeprecated\b/.test(entry.kindModifiers ?? "");
    return {
      text: entry.name,
      kind: kindOf(entry, draft.imported),
      ...(signature && { signature }),
      ...(isDeprecated && { isDeprecated }),
    };
  });
  const prefix = draft.code.slice(start, offset);
  const isFree = !info.isMemberCompletion && !span;
  const others = isFree && importable ? toImport(prefix, draft.code, items, importable) : [];
  return { start, end: offset, items: [...items, ...others] };
}

/** Names of modules, as far as nothing of the same name is in scope. */
function toImport(
  prefix: string,
  code: string,
  inScope: readonly CompletionItem[],
  importable: ImportableNames,
): CompletionItem[] {
  if (prefix.length < MIN_IMPORT_PREFIX) return [];
  const known = new Set(inScope.map(({ text }) => text));
  const found = importable.startingWith(prefix, MAX_IMPORTS).filter(({ name }) => !known.has(name));
  return found.map((name) => ({
    text: name.name,
    kind: name.kind,
    signature: `import { ${name.name} } from "${name.specifier}"`,
    from: { specifier: name.specifier, edit: importEdit(code, name) },
  }));
}

/** Entries that begin with `prefix`; where none does, those that do when case is ignored. */
function matching(entries: readonly ts.CompletionEntry[], prefix: string): ts.CompletionEntry[] {
  const usable = entries.filter(({ kind }) => kind !== ts.ScriptElementKind.warning);
  const exact = usable.filter(({ name }) => name.startsWith(prefix));
  const lower = prefix.toLowerCase();
  const found = exact.length > 0 ? exact : usable.filter(({ name }) => name.toLowerCase().startsWith(lower));
  return found.filter(({ name }, index) => index === 0 || found[index - 1]?.name !== name);
}

function startOfWord(code: string, offset: number): number {
  return offset - (/#?[\p{ID_Continue}$]*$/u.exec(code.slice(0, offset))?.[0].length ?? 0);
}

/** Names of earlier cells are imports for TypeScript; the user wants to see what they are. */
function kindOf({ name, kind }: ts.CompletionEntry, imported: readonly LiveName[]): string {
  if (kind !== ts.ScriptElementKind.alias) return kind;
  const declared = imported.find((live) => live.name === name)?.kind;
  return declared === undefined || declared === "import" || declared === "ambient" ? kind : declared;
}

/**
 * What is shown of each entry. `getCompletionEntryDetails` makes the whole list again for every entry: 20 ms for the 39
 * members of an array, which are 2 ms by their symbols.
 */
function describer(
  service: ts.LanguageService,
  { fileName, imported }: DraftCell,
  position: number,
): (entry: ts.CompletionEntry) => string | undefined {
  const internals = ts as unknown as Internals;
  const program = service.getProgram();
  const file = program?.getSourceFile(fileName);
  const display = ({ name, kind, source, data, symbol }: ts.CompletionEntry): readonly ts.SymbolDisplayPart[] => {
    if (kind === ts.ScriptElementKind.keyword) return [];
    if (!symbol || !program || !file) {
      const details = service.getCompletionEntryDetails(fileName, position, name, undefined, source, undefined, data);
      return details && details.kind !== ts.ScriptElementKind.keyword ? details.displayParts : [];
    }
    const place = internals.getTouchingPropertyName(file, position);
    const checker = program.getTypeChecker();
    return internals.SymbolDisplay.getSymbolDisplayPartsDocumentationAndSymbolKind(
      checker,
      symbol,
      file,
      place,
      place,
      ALL_MEANINGS,
    ).displayParts;
  };
  return (entry) => {
    const parts = display(entry);
    if (parts.length === 0) return undefined;
    const text = withoutAlias(ts.displayPartsToString([...parts]), imported).replace(/\s+/g, " ");
    return text.length > MAX_SIGNATURE_LENGTH ? `${text.slice(0, MAX_SIGNATURE_LENGTH - 1)}…` : text;
  };
}

/**
 * TypeScript describes an imported name as `(alias) const x: number` and adds a line `import x`. Of a function that is
 * called it leaves out the word.
 */
export function withoutAlias(display: string, imported: readonly LiveName[]): string {
  const text = withoutCellModules(display)
    .replace(/^\(alias\) /, "")
    .replace(/\nimport [^\n]*$/, "");
  const name = /^[^\s(<]+(?=[(<])/.exec(text)?.[0];
  const isFunction = text !== display && imported.some((live) => live.name === name && live.kind === "function");
  return isFunction ? `function ${text}` : text;
}
