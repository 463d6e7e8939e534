import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isRunning } from "../../support/processes.ts";
import { mobula, startMobula } from "./mobula.ts";

interface CellSpec {
  source: string;
  tags?: string[];
  type?: "code" | "markdown";
}

interface SavedCell {
  id: string;
  cell_type: string;
  source: string[];
  execution_count?: number | null;
  outputs?: { text?: string[]; ename?: string; data?: Record<string, string[]> }[];
  metadata: { papermill?: { status: string; exception: boolean | null } };
}

interface SavedNotebook {
  cells: SavedCell[];
  metadata: { papermill: Record<string, unknown> };
}

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "mobula-cli-ü-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function write(name: string, ...cells: (string | CellSpec)[]): Promise<string> {
  const full = cells.map((each, index) => {
    const { source, tags, type = "code" } = typeof each === "string" ? ({ source: each } as CellSpec) : each;
    const code = type === "code" ? { outputs: [], execution_count: null } : {};
    return { cell_type: type, id: `cell-${index}`, metadata: tags ? { tags } : {}, source, ...code };
  });
  const metadata = { kernelspec: { name: "mobula", display_name: "TypeScript (Mobula)", language: "typescript" } };
  const path = join(folder, name);
  await writeFile(path, JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata, cells: full }));
  return path;
}

async function read(name: string): Promise<SavedNotebook> {
  return JSON.parse(await readFile(join(folder, name), "utf8")) as SavedNotebook;
}

/** All text that a cell shows. */
function textOf(cell: SavedCell | undefined): string {
  return (cell?.outputs ?? []).flatMap(({ text, ename, data }) => text ?? ename ?? data?.["text/plain"] ?? "").join("");
}

function statuses(notebook: SavedNotebook): unknown[] {
  return notebook.cells.map((cell) => cell.metadata.papermill?.status);
}

const PRINT_PIDS = "console.log('pids', process.pid, process.ppid);";

/** The processes that `PRINT_PIDS` named: the session and the kernel. */
function pidsIn(text: string): number[] {
  return (/pids (\d+) (\d+)/.exec(text)?.slice(1) ?? []).map(Number);
}

async function expectGone(pids: readonly number[]): Promise<void> {
  expect(pids).toHaveLength(2);
  for (const pid of pids) expect(isRunning(pid)).toBe(false);
}

describe("a notebook that runs to its end", () => {
  test("is saved with outputs, counts and metadata as in the golden file", async () => {
    const display = "(globalThis as any)[Symbol.for('mobula.notebook')].display";
    await write(
      "flüge.ipynb",
      { source: "# Flüge ✈\n\nText.", type: "markdown" },
      { source: "let blocks = 4; // number of blocks\nconst city = 'Zürich';", tags: ["parameters"] },
      "// load\nconsole.log(`${city}: ${blocks} 笔`);\nconsole.log('second line');",
      `${display}(undefined, { "text/plain": "0 %" }, { displayId: "bar" });`,
      `${display}(undefined, { "text/plain": "100 %" }, { displayId: "bar", isUpdate: true });\nblocks * 2`,
      { source: "throw new Error('never run')", tags: ["skip-execution"] },
      "",
    );
    const result = await mobula(folder, "run", "flüge.ipynb", "-p", "blocks=8", "-p", "city=Köln", "-o", "out.ipynb");
    expect(result).toMatchObject({ code: 0, stdout: "Köln: 8 笔\nsecond line\n0 %\n16\n" });
    expect(result.stderr).toMatch(
      /^\[1\/5\] let blocks = 4; .* … \d+\.\d s\n\[2\/5\] Parameters … .*\n\[3\/5\] load … /,
    );
    const text = (await readFile(join(folder, "out.ipynb"), "utf8"))
      .replace(/"\d{4}-\d\d-\d\dT[\d:.]+Z"/g, '"TIME"')
      .replace(/"duration": [\d.]+/g, '"duration": 0')
      .replace(/"mobula \d+\.\d+\.\d+"/, '"mobula VERSION"')
      .replace(/ {2}"language_info": \{[^}]*(\{[^}]*\}[^}]*)?\},\n/, "");
    await expect(text).toMatchFileSnapshot("../../golden/jobs/executed-notebook.ipynb");
    expect((await readdir(folder)).sort()).toEqual(["flüge.ipynb", "out.ipynb"]);
  });

  test("may be empty, and goes to NAME.out.ipynb by default", async () => {
    await write("empty.ipynb");
    const { code, stdout } = await mobula(folder, "run", "empty.ipynb");
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    expect((await read("empty.out.ipynb")).cells).toEqual([]);
  });

  test("may be its own output, when asked to", async () => {
    await write("nb.ipynb", "1 + 1");
    expect((await mobula(folder, "run", "nb.ipynb", "--in-place", "--show", "none")).stderr).toBe("");
    expect(textOf((await read("nb.ipynb")).cells[0])).toBe("2");
  });

  test("goes on after an error that its cell may raise", async () => {
    await write("nb.ipynb", { source: "throw new RangeError('too far')", tags: ["raises-exception"] }, "'after'");
    const { code } = await mobula(folder, "run", "nb.ipynb");
    const saved = await read("nb.out.ipynb");
    expect(code).toBe(0);
    expect(saved.cells.map(textOf)).toEqual(["RangeError", expect.stringContaining("after")]);
  });

  test("starts in the notebook's folder", async () => {
    await mkdir(join(folder, "sub"));
    await writeFile(join(folder, "sub", "helper.ts"), "export const answer: number = 42;");
    await write("sub/nb.ipynb", 'import { answer } from "./helper.ts";\nanswer');
    expect((await mobula(folder, "run", "sub/nb.ipynb", "--show", "outputs")).stdout).toBe("42\n");
  });
});

describe("a notebook that cannot run", () => {
  test.each([
    [["missing.ipynb"], "There is no notebook 'missing.ipynb'."],
    [["broken.ipynb"], "'broken.ipynb' is not a notebook: it is not JSON"],
    [["old.ipynb"], "'old.ipynb' has notebook format 3, and only format 4 can be run"],
    [["nb.ipynb", "-o", "nowhere/out.ipynb"], "does not exist; create it first."],
    [["nb.ipynb", "-o", "./nb.ipynb"], "is the notebook itself; write '--in-place' if you mean that."],
    [["nb.ipynb", "-p", "blocs=8"], "The notebook has no parameter 'blocs'; it has: blocks = 4, name."],
    [["nb.ipynb", "-p", "name=x", "-p", "blocks=many"], "The parameter 'blocks' is of type number, and 'many' is not."],
    [["nb.ipynb", "-p", "blocks=8"], "The parameter 'name' (string) has no default; give it with -p name=VALUE."],
    [["plain.ipynb", "-p", "blocks=8"], "The notebook has no cell tagged 'parameters'"],
    [["nb.ipynb", "--check", "of"], "The option '--check' is one of error, warn, off, not 'of'."],
    [["python.ipynb"], "'python.ipynb' is a notebook in python, and this command runs TypeScript and JavaScript."],
    [["nb.ipynb", "out.ipynb"], "takes one notebook, and 'out.ipynb' is too much; the output is named with '-o'."],
  ])("%j ends with exit code 2 and one sentence, and nothing is written", async (args, sentence) => {
    await write("nb.ipynb", { source: "let blocks = 4;\nlet name: string;", tags: ["parameters"] });
    await write("plain.ipynb", "1");
    await writeFile(join(folder, "broken.ipynb"), '{"cells": [');
    await writeFile(join(folder, "old.ipynb"), '{"nbformat": 3, "worksheets": []}');
    const metadata = { kernelspec: { name: "python3", language: "python" } };
    await writeFile(join(folder, "python.ipynb"), JSON.stringify({ nbformat: 4, metadata, cells: [] }));
    const { code, stdout, stderr } = await mobula(folder, "run", ...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(sentence);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    const names = ["broken.ipynb", "nb.ipynb", "old.ipynb", "plain.ipynb", "python.ipynb"];
    expect((await readdir(folder)).sort()).toEqual(names);
  });

  test("lists its parameters instead, when asked to", async () => {
    const source = "let blocks = 4; // number of blocks\nlet file: string; // input\nconst sizes = [1, 2];";
    await write("nb.ipynb", { source, tags: ["parameters"] });
    expect(await mobula(folder, "run", "nb.ipynb", "--help-notebook")).toMatchObject({
      code: 0,
      stdout: `Parameters of 'nb.ipynb':
  blocks: number (default 4)        number of blocks
  file: string (required)           input
  sizes: number[] (default [1, 2])
`,
    });
  });
});

describe("a cell that fails", () => {
  test("ends the run with exit code 1, its trace on stderr and a banner in the notebook", async () => {
    await write("nb.ipynb", "console.log('before')", "function f() { throw new TypeError('no é'); }\nf();", "'never'");
    const { code, stdout, stderr } = await mobula(folder, "run", "nb.ipynb");
    expect(code).toBe(1);
    expect(stdout).toContain("before\n");
    expect(stderr).toContain("TypeError: no é");
    // oxlint-disable-next-line no-control-regex -- a log must not hold colours
    expect(stderr).not.toMatch(/\u001B/);
    const saved = await read("nb.out.ipynb");
    expect(saved.cells.map((cell) => cell.id)).toEqual([
      "papermill-error-banner",
      "cell-0",
      "papermill-error-cell",
      "cell-1",
      "cell-2",
    ]);
    expect(saved.cells[0]?.source.join("")).toContain('<a href="#papermill-error-cell">In [2]</a>');
    expect(statuses(saved)).toEqual([undefined, "completed", undefined, "failed", "pending"]);
    expect(saved.metadata.papermill["exception"]).toBe(true);
  });

  test("because of a type error runs when types are not checked", async () => {
    await write("nb.ipynb", "const n: number = 'text';\nn");
    expect((await mobula(folder, "run", "nb.ipynb", "--check", "off")).code).toBe(0);
    expect((await mobula(folder, "run", "nb.ipynb")).code).toBe(1);
  });
});

describe("a run that does not end by itself", () => {
  test.each([
    // Long enough for a busy machine to start the kernel and to check the first cell.
    ["--cell-timeout", "A cell took longer than 8 s"],
    ["--timeout", "The notebook took longer than 8 s"],
  ])("is stopped by %s with exit code 124, and keeps what was done", async (option, sentence) => {
    await write(
      "nb.ipynb",
      `${PRINT_PIDS}\nfor (;;) await new Promise((resolve) => setTimeout(resolve, 10));`,
      "'never'",
    );
    const { code, stdout, stderr } = await mobula(folder, "run", "nb.ipynb", option, "8");
    expect(code).toBe(124);
    expect(stderr).toContain(`${sentence}; what was done until then is in 'nb.out.ipynb'.`);
    expect(statuses(await read("nb.out.ipynb"))).toEqual(["failed", "pending"]);
    await expectGone(pidsIn(stdout));
  });

  test.each(["SIGINT", "SIGTERM"] as const)(
    "is stopped by %s with exit code 130, also while code spins",
    async (signal) => {
      await write("nb.ipynb", "console.log('one')", `${PRINT_PIDS}\nfor (;;) {}`, "'never'");
      const run = startMobula(folder, ["run", "nb.ipynb"]);
      const pids = pidsIn(await run.waitFor(/pids \d+ \d+\n/));
      run.child.kill(signal);
      expect((await run.finished).code).toBe(130);
      const saved = await read("nb.out.ipynb");
      expect(textOf(saved.cells[0])).toBe("one\n");
      expect(statuses(saved)).toEqual(["completed", "failed", "pending"]);
      await expectGone(pids);
    },
  );

  test("does not wait after a second signal", async () => {
    // Native code cannot be interrupted, so the first signal has to wait for the grace to pass.
    await write(
      "nb.ipynb",
      `${PRINT_PIDS}\nawait new Promise((resolve) => setTimeout(resolve, 300));
      (await import("node:child_process")).execSync("sleep 60");`,
    );
    const run = startMobula(folder, ["run", "nb.ipynb"]);
    const pids = pidsIn(await run.waitFor(/pids \d+ \d+\n/));
    await sleep(600);
    run.child.kill("SIGINT");
    await sleep(300);
    const startMs = performance.now();
    run.child.kill("SIGINT");
    expect((await run.finished).code).toBe(130);
    expect(performance.now() - startMs).toBeLessThan(2000);
    const deadline = Date.now() + 5000;
    while (Date.now() < deadline && pids.some(isRunning)) await sleep(50);
    await expectGone(pids);
  });

  test("has its notebook on disk while a cell still runs", async () => {
    await write("nb.ipynb", "console.log('one')", "console.log('two');\nawait new Promise(() => {});");
    const run = startMobula(folder, ["run", "nb.ipynb"]);
    await run.waitFor(/two/);
    await sleep(2000);
    const saved = await read("nb.out.ipynb");
    run.child.kill("SIGTERM");
    expect(saved.cells.map(textOf)).toEqual(["one\n", "two\n"]);
    expect(statuses(saved)).toEqual(["completed", "running"]);
    await run.finished;
  });
});

test("a kernel that dies ends the run with exit code 138, and its notebook holds what came before", async () => {
  // A moment for the output to leave the kernel.
  const dying = `${PRINT_PIDS}\nawait new Promise((resolve) => setTimeout(resolve, 500));\nprocess.kill(process.ppid, 'SIGKILL');`;
  await write("nb.ipynb", "console.log('one')", dying, "'never'");
  const { code, stdout, stderr } = await mobula(folder, "run", "nb.ipynb");
  expect(code).toBe(138);
  expect(stderr).toContain("mobula: The kernel died: ");
  const saved = await read("nb.out.ipynb");
  expect(textOf(saved.cells[0])).toBe("one\n");
  expect(statuses(saved)).toEqual(["completed", "failed", "pending"]);
  const pids = pidsIn(stdout);
  const deadline = Date.now() + 5000;
  while (Date.now() < deadline && pids.some(isRunning)) await sleep(50);
  await expectGone(pids);
});

test("two runs with the same output leave one whole notebook", async () => {
  await write("nb.ipynb", "console.log('x'.repeat(100_000))", "1");
  const codes = await Promise.all([1, 2].map(() => mobula(folder, "run", "nb.ipynb", "--show", "none")));
  expect(codes.map(({ code }) => code)).toEqual([0, 0]);
  expect(statuses(await read("nb.out.ipynb"))).toEqual(["completed", "completed"]);
  expect((await readdir(folder)).sort()).toEqual(["nb.ipynb", "nb.out.ipynb"]);
});
