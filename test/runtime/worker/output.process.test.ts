import { createInterface } from "node:readline";
import { expect, it } from "vitest";
import { startProgram } from "../../support/driver-program.ts";

it("shows what tasks print, who printed it, before their results, and folds floods", async () => {
  const child = startProgram("prints");
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout as NonNullable<typeof child.stdout> })) lines.push(line);
  const result = lines.indexOf("result");
  const before = lines.slice(0, result).map((line) => line.replace(/ \d+\)/, " pid)"));
  expect(before).toEqual(["(outer pid) one", "(outer pid) two", "(inner pid) from the inner task"]);
  const flood = lines.filter((line) => /^\(flood \d+\) line/.test(line));
  expect(flood.length).toBe(2_000);
  expect(lines.filter((line) => line.includes("8000 more lines were not shown"))).toHaveLength(1);
});
