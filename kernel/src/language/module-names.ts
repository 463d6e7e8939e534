/** TypeScript tells types of one name apart by their modules; those of cells are nothing that a user knows. */
const CELL_MODULE = /import\("[^"]*\/\.cell--?\d+(?:\.tsx?)?"\)\./g;

/** Leave out the modules of cells. */
export function withoutCellModules(text: string): string {
  return text.replaceAll(CELL_MODULE, "");
}

/** As {@link withoutCellModules}, for a message that may now speak of two types by the same name. */
export function explainCellModules(message: string): string {
  const text = withoutCellModules(message);
  if (text === message) return message;
  return `${text}\nTypes of one name here come from different cells, or from different versions of a cell.`;
}
