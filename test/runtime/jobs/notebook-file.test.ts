import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseNotebook } from "../../../runtime/src/jobs/notebook.ts";
import { checkWritable, isSameFile, readNotebook, writeNotebook } from "../../../runtime/src/jobs/notebook-file.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "mobula-notebook-ä-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

function notebook(source = "1") {
  const cell = { cell_type: "code", id: "a", metadata: {}, source, outputs: [], execution_count: null };
  return parseNotebook(JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [cell] }), "nb");
}

describe("writing", () => {
  test("a notebook comes back as it was written, and nothing else is left in the folder", async () => {
    const path = join(folder, "naïve 笔记.ipynb");
    await writeNotebook(path, notebook("'grüße 😀'"));
    expect((await readNotebook(path)).cells[0]?.source).toBe("'grüße 😀'");
    expect(await readdir(folder)).toEqual(["naïve 笔记.ipynb"]);
  });

  test("writers at the same time leave one whole notebook", async () => {
    const path = join(folder, "nb.ipynb");
    await Promise.all(Array.from({ length: 20 }, (_, n) => writeNotebook(path, notebook(`${n}`.repeat(10_000)))));
    expect((await readNotebook(path)).cells[0]?.source).toMatch(/^(\d+)(?:\1){9999}$/);
    expect(await readdir(folder)).toEqual(["nb.ipynb"]);
  });

  test("the file keeps its mode, and a symbolic link keeps pointing to it", async () => {
    const path = join(folder, "nb.ipynb");
    await writeNotebook(path, notebook());
    await chmod(path, 0o640);
    await symlink(path, join(folder, "link.ipynb"));
    await writeNotebook(join(folder, "link.ipynb"), notebook("2"));
    expect((await stat(path)).mode & 0o777).toBe(0o640);
    expect(await readFile(path, "utf8")).toContain('"2"');
  });

  test("a write that fails says so and leaves nothing", async () => {
    await mkdir(join(folder, "nb.ipynb"));
    await expect(writeNotebook(join(folder, "nb.ipynb"), notebook())).rejects.toThrow(/^Cannot write '.*nb.ipynb': /);
    expect(await readdir(folder)).toEqual(["nb.ipynb"]);
  });
});

describe("before a run", () => {
  test("a folder that does not exist is named", async () => {
    const path = join(folder, "missing", "nb.ipynb");
    await expect(checkWritable(path)).rejects.toThrow(`the folder '${join(folder, "missing")}' does not exist`);
  });

  test("a file in place of the folder, and a folder in place of the file, are refused", async () => {
    await writeFile(join(folder, "file"), "");
    await expect(checkWritable(join(folder, "file", "nb.ipynb"))).rejects.toThrow("is not a folder");
    await expect(checkWritable(folder)).rejects.toThrow("it is a folder; name a file in it");
  });

  // No file can be created there, not even by root.
  test.runIf(process.platform === "linux")("a folder that takes no files is refused", async () => {
    await expect(checkWritable("/proc/self/nb.ipynb")).rejects.toThrow("is not writable");
  });

  test("a folder that can be written is left as it was", async () => {
    await checkWritable(join(folder, "nb.ipynb"));
    expect(await readdir(folder)).toEqual([]);
  });

  test.each([
    ["missing.ipynb", /^There is no notebook '.*missing.ipynb'\.$/],
    [".", /is a folder, not a notebook\.$/],
  ])("reading %s says what is wrong", async (name, sentence) => {
    await expect(readNotebook(join(folder, name))).rejects.toThrow(sentence);
  });
});

test("a file is the same under another name, and so are two paths to a file that is not there yet", async () => {
  await writeNotebook(join(folder, "a.ipynb"), notebook());
  await symlink(join(folder, "a.ipynb"), join(folder, "b.ipynb"));
  expect(await isSameFile(join(folder, "a.ipynb"), join(folder, "b.ipynb"))).toBe(true);
  expect(await isSameFile(join(folder, "a.ipynb"), join(folder, "c.ipynb"))).toBe(false);
  expect(await isSameFile(join(folder, "c.ipynb"), join(folder, "x/../c.ipynb"))).toBe(true);
});
