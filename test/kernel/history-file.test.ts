import { appendFile, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { HistoryFile } from "../../kernel/src/history-file.ts";

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "history-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function open(folder: string, warnings: string[] = []): Promise<HistoryFile> {
  return HistoryFile.open(join(folder, "kernel-1.json"), (text) => warnings.push(text));
}

test("the next process finds what was saved, each cell once, with its newest state", async () => {
  const folder = await makeFolder();
  const first = await open(folder);
  expect(first.earlier).toEqual([]);
  first.save({ session: 1, line: 1, input: "1 + 1\n", output: null });
  first.save({ session: 1, line: 2, input: "'🦈'", output: null });
  first.save({ session: 1, line: 1, input: "1 + 1\n", output: "2" });
  await first.close();
  expect((await open(folder)).earlier).toEqual([
    { session: 1, line: 1, input: "1 + 1\n", output: "2" },
    { session: 1, line: 2, input: "'🦈'", output: null },
  ]);
});

test("is written soon, whether it is closed or not", async () => {
  const folder = await makeFolder();
  const history = await open(folder);
  history.save({ session: 1, line: 1, input: "1", output: null });
  history.save({ session: 1, line: 2, input: "2", output: null });
  await vi.waitFor(async () => expect((await open(folder)).earlier.map(({ line }) => line)).toEqual([1, 2]), 10_000);
  await history.close();
});

test("only its user may read it, and clients do not take it for a connection file", async () => {
  const folder = await makeFolder();
  const history = await open(folder);
  history.save({ session: 1, line: 1, input: "secret", output: null });
  await history.close();
  expect(await readdir(folder)).toEqual(["kernel-1.history"]);
  expect((await stat(join(folder, "kernel-1.history"))).mode & 0o777).toBe(0o600);
});

test("a line that a crash cut off is left out, and harms no other", async () => {
  const folder = await makeFolder();
  const history = await open(folder);
  history.save({ session: 1, line: 1, input: "whole", output: null });
  await history.close();
  await appendFile(join(folder, "kernel-1.history"), '{"session":1,"line":2,"inp');
  const next = await open(folder);
  expect(next.earlier.map(({ input }) => input)).toEqual(["whole"]);
  next.save({ session: 2, line: 1, input: "next", output: null });
  await next.close();
  expect((await open(folder)).earlier.map(({ input }) => input)).toEqual(["whole", "next"]);
});

test("a huge result is not kept, its cell is", async () => {
  const folder = await makeFolder();
  const history = await open(folder);
  history.save({ session: 1, line: 1, input: "big", output: "x".repeat(1e6) });
  await history.close();
  expect((await open(folder)).earlier).toEqual([{ session: 1, line: 1, input: "big", output: null }]);
});

test("it goes with the kernel", async () => {
  const folder = await makeFolder();
  const history = await open(folder);
  history.save({ session: 1, line: 1, input: "1", output: null });
  await history.remove();
  history.save({ session: 1, line: 2, input: "late", output: null });
  await history.close();
  expect(await readdir(folder)).toEqual([]);
});

test("a folder that cannot be written to is told once", async () => {
  const warnings: string[] = [];
  const history = await open(join(await makeFolder(), "missing"), warnings);
  history.save({ session: 1, line: 1, input: "1", output: null });
  history.save({ session: 1, line: 2, input: "2", output: null });
  await history.close();
  expect(warnings).toEqual([expect.stringContaining("cannot be kept")]);
});
