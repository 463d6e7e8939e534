// One form for every suite: a table for people, and with --json one line per row for programs.

/** Middle value; the mean of the two middle ones for an even count. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Units where a smaller value is the better one. */
const SMALLER_IS_BETTER = new Set(["ms", "s", "MB", "B"]);

/**
 * @param {string} suite
 * @param {string[]} peers names in the order of their columns
 * @param {{ row: string, unit: string, ours: number[], peers: Record<string, number[]> }[]} samples one value per run
 */
export function summarize(suite, peers, samples) {
  return samples.map(({ row, unit, ours, peers: theirs }) => {
    const own = median(ours);
    const others = Object.fromEntries(
      peers.filter((peer) => theirs[peer]?.length).map((peer) => [peer, median(theirs[peer])]),
    );
    const ratio = Object.fromEntries(
      Object.entries(others).map(([peer, value]) => [peer, SMALLER_IS_BETTER.has(unit) ? value / own : own / value]),
    );
    return { suite, row, unit, ours: own, peers: others, ratio };
  });
}

export function printJson(rows) {
  const rounded = (_, value) => (typeof value === "number" ? Number(value.toPrecision(4)) : value);
  for (const row of rows) console.log(JSON.stringify(row, rounded));
}

export function printTable(rows, peers) {
  const number = (value) =>
    value === undefined ? "–" : value >= 1000 ? Math.round(value).toLocaleString("en-US") : value.toPrecision(3);
  const cells = [
    ["row", "unit", "mobula", ...peers.flatMap((peer) => [peer, `× ${peer}`])],
    ...rows.map((row) => [
      row.row,
      row.unit,
      number(row.ours),
      ...peers.flatMap((peer) => [
        number(row.peers[peer]),
        row.ratio[peer] === undefined ? "–" : `${row.ratio[peer].toFixed(1)}×`,
      ]),
    ]),
  ];
  const widths = cells[0].map((_, column) => Math.max(...cells.map((line) => line[column].length)));
  for (const [index, line] of cells.entries()) {
    console.log(
      line.map((cell, column) => (column < 2 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join("  "),
    );
    if (index === 0) console.log(widths.map((width) => "─".repeat(width)).join("  "));
  }
  console.log("\nA ratio above 1 means that Mobula is better, whatever the unit.");
}
