/** Where a name stands in the cells of a notebook, and what changes when it gets another. */
import ts from "typescript";
import type { CellPlace, NamePlaces, Renaming } from "../protocol/language-comm.ts";
import type { UnrunCell } from "./unrun-cells.ts";

type Cells = ReadonlyMap<string, UnrunCell>;

/** @returns undefined where no name stands, or one that no cell declares. */
export function placesOf(
  service: ts.LanguageService,
  cells: Cells,
  cellId: string,
  offset: number,
): NamePlaces | undefined {
  const name = find(service, cells, cellId, offset);
  if (!name) return undefined;
  const places = locations(service, cells, name).map(plainPlace);
  const definitions = name.owner
    ? namesIn(name.owner, name.text)
    : (service.getDefinitionAtPosition(name.cell.fileName, name.position) ?? []);
  return { name: name.text, places, definitions: toPlaces(cells, definitions).map(plainPlace) };
}

/** The edits that give the name at a place another one, in all cells. */
export function renaming(
  service: ts.LanguageService,
  cells: Cells,
  { cellId, offset, newName }: { cellId: string; offset: number; newName: string },
): Renaming {
  const name = find(service, cells, cellId, offset);
  const known = placesOf(service, cells, cellId, offset);
  if (!name || !known) return { problem: "There is no name here." };
  if (!isName(newName)) return { problem: `'${newName}' is not a name that a variable can have.` };
  if (newName === name.text) return { edits: [] };
  if (known.definitions.length === 0) return { problem: `No cell of this notebook declares '${name.text}'.` };
  const affected = new Set(known.places.map((place) => place.cellId));
  if (name.owner && [...affected].some((id) => knows(cells.get(id), newName))) {
    return { problem: `'${newName}' exists already in a cell that uses '${name.text}'.` };
  }
  const edits = locations(service, cells, name).map((place) => {
    return { ...plainPlace(place), text: `${place.prefixText ?? ""}${newName}${place.suffixText ?? ""}` };
  });
  return { edits };
}

function plainPlace({ cellId, start, length }: CellPlace): CellPlace {
  return { cellId, start, length };
}

interface FoundName {
  readonly text: string;
  readonly cell: UnrunCell;
  /** In the cell's module. */
  readonly position: number;
  /** The cell that lends the name to others; absent for a name of its own scope, and for members. */
  readonly owner?: UnrunCell;
}

function find(service: ts.LanguageService, cells: Cells, cellId: string, offset: number): FoundName | undefined {
  const cell = cells.get(cellId);
  const program = service.getProgram();
  const sourceFile = cell && program?.getSourceFile(cell.fileName);
  if (!program || !sourceFile) return undefined;
  for (const position of [offset + cell.headerLength, offset + cell.headerLength - 1]) {
    const node = identifierAt(sourceFile, position);
    if (!node || node.getStart() < cell.headerLength) continue;
    const owner = ownerOf(program.getTypeChecker(), cells, cell, node);
    return { text: node.text, cell, position, ...(owner && { owner }) };
  }
  return undefined;
}

function ownerOf(checker: ts.TypeChecker, cells: Cells, cell: UnrunCell, node: ts.Node): UnrunCell | undefined {
  const symbol = ts.isShorthandPropertyAssignment(node.parent)
    ? checker.getShorthandAssignmentValueSymbol(node.parent)
    : checker.getSymbolAtLocation(node);
  const declarations = symbol?.declarations ?? [];
  const name = symbol?.name ?? "";
  if (declarations.some((declaration) => isIn(cell, declaration) && declaration.getStart() < cell.headerLength)) {
    const version = cell.imported.find((live) => live.name === name)?.version;
    return [...cells.values()].find((other) => other.version === version);
  }
  const own = cell.analysed.names.get(name)?.identifiers.map((identifier) => identifier.getStart() + cell.headerLength);
  const isTopLevel = declarations.some((declaration) => {
    const named = ts.getNameOfDeclaration(declaration);
    return isIn(cell, declaration) && named !== undefined && own?.includes(named.getStart());
  });
  return isTopLevel ? cell : undefined;
}

function isIn({ fileName }: UnrunCell, node: ts.Node): boolean {
  return node.getSourceFile().fileName === fileName;
}

type Location = CellPlace & Pick<ts.RenameLocation, "prefixText" | "suffixText">;

/**
 * All places of a name. An import keeps TypeScript from following a name into other modules when it is asked for exact
 * edits, so each cell that borrows the name is asked.
 */
function locations(service: ts.LanguageService, cells: Cells, { text, cell, position, owner }: FoundName): Location[] {
  const starts = owner ? startsIn(service, cells, owner, text) : [{ fileName: cell.fileName, position }];
  const found = starts.flatMap((start) => {
    const preferences = { providePrefixAndSuffixTextForRename: true };
    return service.findRenameLocations(start.fileName, start.position, false, false, preferences) ?? [];
  });
  return toPlaces(cells, found);
}

interface Start {
  readonly fileName: string;
  readonly position: number;
}

function startsIn(service: ts.LanguageService, cells: Cells, owner: UnrunCell, name: string): Start[] {
  const [declared] = namesIn(owner, name);
  const starts = declared ? [{ fileName: owner.fileName, position: declared.textSpan.start }] : [];
  for (const { fileName, headerLength, imported } of cells.values()) {
    if (!imported.some((live) => live.name === name && live.version === owner.version)) continue;
    const sourceFile = service.getProgram()?.getSourceFile(fileName);
    const position = sourceFile && positionInHeader(sourceFile, headerLength, name);
    if (position !== undefined) starts.push({ fileName, position });
  }
  return starts;
}

/** Where the lines before the user's text bind a name. */
function positionInHeader(sourceFile: ts.SourceFile, headerLength: number, name: string): number | undefined {
  const visit = (node: ts.Node): number | undefined => {
    if (node.pos >= headerLength) return undefined;
    const isBinding = ts.isImportSpecifier(node) || ts.isVariableDeclaration(node);
    if (isBinding && ts.isIdentifier(node.name) && node.name.text === name) return node.name.getStart(sourceFile);
    return ts.forEachChild(node, visit);
  };
  return ts.forEachChild(sourceFile, visit);
}

interface Span {
  readonly fileName: string;
  readonly textSpan: ts.TextSpan;
}

/** Where a cell declares a name at its top level. */
function namesIn({ fileName, headerLength, analysed }: UnrunCell, name: string): Span[] {
  const identifiers = analysed.names.get(name)?.identifiers ?? [];
  return identifiers.map((identifier) => ({
    fileName,
    textSpan: { start: identifier.getStart() + headerLength, length: identifier.getWidth() },
  }));
}

function identifierAt(sourceFile: ts.SourceFile, position: number): ts.Identifier | ts.PrivateIdentifier | undefined {
  const visit = (node: ts.Node): ts.Identifier | ts.PrivateIdentifier | undefined => {
    if (position < node.getStart(sourceFile) || position >= node.end) return undefined;
    if (ts.isIdentifier(node) || ts.isPrivateIdentifier(node)) return node;
    return ts.forEachChild(node, visit);
  };
  return ts.forEachChild(sourceFile, visit);
}

/** Spans in the users' text, each once, from the first cell to the last. */
function toPlaces<T extends Span>(cells: Cells, spans: readonly T[]): (T & CellPlace)[] {
  return [...cells].flatMap(([cellId, { fileName, headerLength, code }]) => {
    const own = new Map(spans.filter((span) => span.fileName === fileName).map((span) => [span.textSpan.start, span]));
    const places = [...own.values()].map((span) => {
      return { ...span, cellId, start: span.textSpan.start - headerLength, length: span.textSpan.length };
    });
    return places
      .filter(({ start, length }) => start >= 0 && start + length <= code.length)
      .sort((a, b) => a.start - b.start);
  });
}

function isName(text: string): boolean {
  if (!/^#?[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u.test(text)) return false;
  const scanner = ts.createScanner(ts.ScriptTarget.ESNext, true, ts.LanguageVariant.Standard, text);
  const token = scanner.scan();
  return (
    token === ts.SyntaxKind.Identifier ||
    token === ts.SyntaxKind.PrivateIdentifier ||
    token > ts.SyntaxKind.LastReservedWord
  );
}

function knows(cell: UnrunCell | undefined, name: string): boolean {
  return (
    cell !== undefined &&
    (cell.analysed.names.has(name) || cell.surroundings.names.some((other) => other.name === name))
  );
}
