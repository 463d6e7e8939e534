/** Places in the user's code, as a person would name them. */

/** `line 3 of cell 7`, `line 12 of train.ts`. @param line - 0-based. */
export function formatPlace(url: string, line: number): string {
  const file = decodeURI(url.split("/").at(-1) ?? "");
  const cell = /\bcell[-_ ]?(\d+)/i.exec(file)?.[1];
  if (file === "") return "";
  return `line ${line + 1} of ${cell === undefined ? file : `cell ${cell}`}`;
}
