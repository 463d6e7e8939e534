import { createInterface } from "node:readline";
import { expect, it } from "vitest";
import { startProgram } from "../../support/driver-program.ts";

it("shows what tasks print, who printed it, before their results, and folds floods", async () => {
  const child = startProgram("prints");
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout as NonNullable<typeof child.stdout> }))
    lines.push(line);
  const result = lines.indexOf("result");
  const before = lines.slice(0, result).map((line) => line.replace(/ \d+\)/, " pid)"));
  expect(before).toEqual(["(outer pid) one", "(outer pid) two", "(inner pid) from the inner task"]);
  const flood = lines.filter((line) => /^\(flood \d+\) line/.test(line));
  // Lines of the tasks before count for the same second.
  expect(flood.length).toBeGreaterThan(1_900);
  expect(flood.length).toBeLessThanOrEqual(2_000);
  const folded = `${10_000 - flood.length} more lines were not shown`;
  expect(lines.filter((line) => line.includes(folded))).toHaveLength(1);
});
