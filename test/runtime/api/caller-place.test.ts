import { runInThisContext } from "node:vm";
import { expect, it } from "vitest";
import { callerOf } from "../../../runtime/src/api/caller-place.ts";

const outer = (): string | undefined => inner();
const inner = (): string | undefined => callerOf(outer);

it("is the file and line that called a function, however deep it asks", () => {
  const { stackTraceLimit } = Error;
  const [first, second] = [outer(), outer()];
  const [, line] = /^caller-place\.test\.ts:(\d+)$/.exec(first ?? "") ?? [];
  expect(Number(line)).toBeGreaterThan(6);
  expect(second).toBe(first);
  expect(Error.stackTraceLimit).toBe(stackTraceLimit);
});

it("is of the file alone, also where its name has blanks, and of a cell", () => {
  const called = (filename: string): unknown =>
    (runInThisContext("(ask) => ask()", { filename }) as (ask: typeof outer) => unknown)(outer);
  expect(called("file:///home/ada/my%20prices.ts")).toMatch(/^my%20prices\.ts:\d+$/);
  expect(called("/home/ada/my/.cell-7.ts")).toMatch(/^\.cell-7\.ts:\d+$/);
});

it("is nothing for what was called from nowhere", () => {
  expect(callerOf(() => 1)).toBeUndefined();
});
