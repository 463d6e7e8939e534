import fc from "fast-check";
import { expect, test } from "vitest";
import { LogTail, MOST_LINES } from "../../../../runtime/src/engine/ray/log-tail.ts";

class GrowingFile {
  text = "";
  readonly reads: number[] = [];
  readonly tail: LogTail = new LogTail(async (lines) => lastLines(this, lines));
}

/** As Ray gives the end of a file: a line without an end counts too. */
function lastLines(file: GrowingFile, count: number): string {
  file.reads.push(count);
  const isWhole = file.text === "" || file.text.endsWith("\n");
  const lines = file.text.split("\n");
  return lines.slice(-count - (isWhole ? 1 : 0)).join("\n");
}

const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => `line ${from + index}`);
const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join("");

test("every line is given once, whatever is printed between two looks", async () => {
  const piece = fc.tuple(fc.constantFrom("a", "b\n", "\n", "é", "tick\n"), fc.integer({ min: 1, max: 300 }));
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (pieces) => {
      const file = new GrowingFile();
      const given: string[] = [];
      for (const [what, times] of pieces) {
        file.text += what.repeat(times);
        const { lines, isCut } = await file.tail.next();
        expect(isCut).toBe(false);
        given.push(...lines);
      }
      expect([...given, file.tail.rest].join("\n")).toBe(file.text);
    }),
    { numRuns: 200 },
  );
});

test("a long file is looked at in full only when much has come", async () => {
  const file = new GrowingFile();
  file.text = text(numbered(0, 20_000));
  expect(await file.tail.next()).toEqual({ lines: numbered(20_000 - MOST_LINES, 20_000), isCut: true });
  for (const [from, to, reads] of [
    [20_000, 20_000, [100]],
    [20_000, 20_050, [100]],
    [20_050, 20_500, [100, 1_000]],
    [20_500, 29_000, [100, 1_000, 10_000]],
  ] as const) {
    file.reads.length = 0;
    file.text += text(numbered(from, to));
    expect(await file.tail.next()).toEqual({ lines: numbered(from, to), isCut: false });
    expect(file.reads).toEqual(reads);
  }
});

test("what came too fast is told to be cut", async () => {
  const file = new GrowingFile();
  file.text = text(numbered(0, 10));
  await file.tail.next();
  file.text += text(numbered(10, 10 + MOST_LINES + 1));
  expect(await file.tail.next()).toEqual({ lines: numbered(11, 11 + MOST_LINES), isCut: true });
});

test("a file that begins anew is given from its start", async () => {
  const file = new GrowingFile();
  file.text = text(numbered(0, 10));
  await file.tail.next();
  file.text = "new\n";
  expect(await file.tail.next()).toEqual({ lines: ["new"], isCut: true });
});

test("a few lines that are equal by chance are not taken for those before", async () => {
  const file = new GrowingFile();
  file.text = text([...numbered(0, 500), "tick"]);
  await file.tail.next();
  const more = [...numbered(600, 601), "tick", ...numbered(601, 700)];
  file.text += text(more);
  expect(await file.tail.next()).toEqual({ lines: more, isCut: false });
});
