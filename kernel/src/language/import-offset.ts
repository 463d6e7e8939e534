/** Where a new import goes: before the first line of a cell that is not blank or a comment of one line. */
export function importOffset(code: string): number {
  return /^(?:[ \t]*(?:\/\/[^\n]*)?\r?\n)*/.exec(code)?.[0].length ?? 0;
}
