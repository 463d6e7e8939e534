/** The name that a mistyped one was probably meant to be; undefined when none is close. */
export function nearestName(mistyped: string, names: readonly string[]): string | undefined {
  const wanted = mistyped.toLowerCase();
  const ranked = names
    .map((name) => ({ name, distance: editDistance(wanted, name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  if (best === undefined) return undefined;
  // A third of the letters may be wrong; a beginning that fits is close whatever its length.
  const isClose = best.distance <= Math.max(1, Math.floor(Math.max(wanted.length, best.name.length) / 3));
  if (isClose) return best.name;
  return wanted.length >= 2
    ? names.find((name) => name.toLowerCase().startsWith(wanted) && wanted !== "--")
    : undefined;
}

/** How many letters to insert, delete, replace or swap with their neighbour (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1];
      const isSwap = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      current[column] = Math.min(
        at(last, column) + 1,
        at(current, column - 1) + 1,
        at(last, column - 1) + (isSame ? 0 : 1),
        isSwap ? at(beforeLast, column - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    beforeLast = last;
    last = current;
  }
  return at(last, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
