/** Programs that run whole notebooks: nbclient, nbconvert and papermill, with the kernel of this checkout. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type JupyterHome, makeJupyterHome, program, VENV_PYTHON } from "../support/jupyter-home.ts";
import { joined, readNotebook, shownBy, writeNotebook } from "../support/notebook-files.ts";
import { processesWith } from "../support/processes.ts";

const GOOD = {
  types: "interface Fish { name: string; sizeMm: number }\nconst manta: Fish = { name: 'manta', sizeMm: 7000 };",
  text: "console.log('printed'); console.error('complained'); manta.sizeMm / 1000",
  table: "table([{ fish: 'manta', metres: 7 }, { fish: 'cod', metres: 1 }])",
  picture: "svg`<svg width='20' height='20'><circle r='9' cx='10' cy='10'/></svg>`",
  waiting: "const later = await new Promise<string>((resolve) => setTimeout(resolve, 20, 'later'));\nlater",
  where: "process.cwd()",
};
const BAD = { ...GOOD, wrong: "const metres: string = manta.sizeMm;", never: "console.log('not run')" };

let home: JupyterHome;
beforeAll(async () => {
  home = await makeJupyterHome("runners-");
  writeNotebook(file("good.ipynb"), GOOD);
  writeNotebook(file("bad.ipynb"), BAD);
});
afterAll(async () => {
  await vi.waitUntil(() => processesWith(home.folder).length === 0, { timeout: 15_000 });
  home?.remove();
});

function file(name: string): string {
  return join(home.folder, name);
}

/** Run a program to its end. */
async function run(command: string, ...args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(command, args, { cwd: home.folder, env: home.env });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (output += text));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, output: stripVTControlCharacters(output) };
}

const NBCLIENT = `
import asyncio, sys, nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

async def execute(source, target):
    notebook = nbformat.read(source, as_version=4)
    try:
        await NotebookClient(notebook, timeout=60, record_timing=True).async_execute()
    except CellExecutionError as error:
        print(error)
    nbformat.validate(notebook)
    nbformat.write(notebook, target)

async def main():
    await asyncio.gather(execute("good.ipynb", "nbclient.ipynb"), execute("bad.ipynb", "nbclient-bad.ipynb"))

asyncio.run(main())
`;

test("nbclient executes notebooks through its API, says which cell failed and why, and runs none after it", async () => {
  const { code, output } = await run(VENV_PYTHON, "-c", NBCLIENT);
  expect({ code, output }).toMatchObject({ code: 0 });
  const [types, text, table, picture, waiting] = readNotebook(file("nbclient.ipynb"));
  expect(types?.outputs).toEqual([]);
  expect(text?.outputs.map((output) => [output.output_type, shownBy({ ...text, outputs: [output] })])).toEqual([
    ["stream", "printed\n"],
    ["stream", "complained\n"],
    ["execute_result", "7"],
  ]);
  expect(joined(table?.outputs[0]?.data?.["text/html"])).toMatch(/<table[\s\S]*manta[\s\S]*<\/table>/);
  expect(joined(picture?.outputs[0]?.data?.["image/svg+xml"])).toContain("<circle");
  expect(shownBy(waiting)).toBe("'later'");
  expect(Object.keys(waiting?.metadata.execution ?? {}).sort()).toEqual([
    "iopub.execute_input",
    "iopub.status.busy",
    "iopub.status.idle",
    "shell.execute_reply",
  ]);

  expect(output).toContain("const metres: string = manta.sizeMm;");
  expect(output).toContain("TypeScriptError: Type 'number' is not assignable to type 'string'");
  const cells = readNotebook(file("nbclient-bad.ipynb"));
  expect(cells.find(({ id }) => id === "wrong")?.outputs).toMatchObject([
    { output_type: "error", ename: "TypeScriptError" },
  ]);
  expect(cells.find(({ id }) => id === "never")?.outputs).toEqual([]);
});

test("nbconvert makes HTML with the outputs", async () => {
  const { code, output } = await run(program("jupyter"), "nbconvert", "--execute", "--to", "html", "good.ipynb");
  expect({ code, output }).toMatchObject({ code: 0 });
  const html = readFileSync(file("good.html"), "utf8");
  const parts = {
    printed: "<pre>printed\n</pre>",
    complained: "<pre>complained\n</pre>",
    value: "<pre>7</pre>",
    picture: `src="data:image/svg+xml;base64,${Buffer.from("<svg width='20'").toString("base64")}`,
    awaited: "<pre>'later'</pre>",
    "keyword that the highlighter knows": '<span class="kd">interface</span>',
  };
  expect(Object.entries(parts).flatMap(([what, part]) => (html.includes(part) ? [] : what))).toEqual([]);
  expect(/<td[^>]*>manta<\/td>/.test(html)).toBe(true);
});

test("nbconvert fails with the cell and its error", async () => {
  const { code, output } = await run(program("jupyter"), "nbconvert", "--execute", "--to", "html", "bad.ipynb");
  expect(code).not.toBe(0);
  expect(output).toContain("const metres: string = manta.sizeMm;");
  expect(output).toContain("TypeScriptError: Type 'number' is not assignable to type 'string'");
  expect(existsSync(file("bad.html"))).toBe(false);
});

test("nbconvert writes a notebook as a TypeScript file", async () => {
  const { code } = await run(program("jupyter"), "nbconvert", "--to", "script", "nbclient.ipynb");
  expect(code).toBe(0);
  expect(readFileSync(file("nbclient.ts"), "utf8")).toContain(GOOD.types);
});

const PARAMETERS = `
let blocks: number = 4; // how many blocks
let title = "https://example.org"; // where from
const rates: number[] = [0.1];
let options: { deep: boolean } | null = null;
let note: string;`;

test("papermill sets parameters, in the folder of --cwd, and shows its progress", async () => {
  mkdirSync(file("elsewhere"));
  writeNotebook(file("parameters.ipynb"), {
    parameters: PARAMETERS,
    use: "const sum: number = rates.reduce((a, b) => a + b, blocks);\nconsole.log(JSON.stringify({ sum, title, options, note, big: typeof big, nothing }))",
    where: GOOD.where,
  });
  const yaml = `{ rates: [1, 2.5, .5], options: { deep: true, "__proto__": 1 }, big: 12345678901234567890, nothing: null }`;
  const given = ["-p", "blocks", "8", "-p", "title", 'a "quoted" \\ title 🐠', "-p", "note", "x\ny"];
  const args = ["parameters.ipynb", "out.ipynb", ...given, "-y", yaml, "--cwd", "elsewhere", "--progress-bar"];
  const { code, output } = await run(program("papermill"), ...args);
  expect({ code, output }).toMatchObject({ code: 0 });
  expect(output).toMatch(/Executing: 100%.*4\/4/);
  const cells = readNotebook(file("out.ipynb"));
  const injected = cells.find(({ metadata }) => metadata.tags?.includes("injected-parameters"));
  expect(joined(injected?.source).trimEnd().split("\n")).toEqual([
    "// Parameters",
    "let rates = [1, 2.5, 0.5];",
    'let options = { "deep": true, ["__proto__"]: 1 };',
    "let big = 12345678901234567890n;",
    "let nothing = null;",
    "let blocks = 8;",
    'let title = "a \\"quoted\\" \\\\ title 🐠";',
    'let note = "x\\ny";',
  ]);
  expect(JSON.parse(shownBy(cells.find(({ id }) => id === "use")))).toEqual(
    JSON.parse(
      '{"sum":12,"title":"a \\"quoted\\" \\\\ title 🐠","options":{"deep":true,"__proto__":1},"note":"x\\ny","big":"bigint","nothing":null}',
    ),
  );
  expect(shownBy(cells.find(({ id }) => id === "where"))).toBe(`'${file("elsewhere")}'`);
});

test("papermill lists the parameters of a notebook", async () => {
  writeNotebook(file("listed.ipynb"), { parameters: PARAMETERS });
  const { code, output } = await run(program("papermill"), "--help-notebook", "listed.ipynb");
  expect(code).toBe(0);
  expect(output).toMatch(/blocks: number \(default 4\)\s+how many blocks/);
  expect(output).toMatch(/title: Unknown type \(default "https:\/\/example.org"\)\s+where from/);
  expect(output).toMatch(/rates: number\[\] \(default \[0.1\]\)/);
  expect(output).toMatch(/note: string/);
});

test("papermill stops at a cell that fails, names it, and keeps what ran", async () => {
  const { code, output } = await run(program("papermill"), "bad.ipynb", "failed.ipynb", "--no-progress-bar");
  expect(code).not.toBe(0);
  expect(output).toMatch(/Exception encountered at "In \[7\]"/);
  expect(output).toContain("TypeScriptError: Type 'number' is not assignable to type 'string'");
  const cells = readNotebook(file("failed.ipynb"));
  expect(shownBy(cells.find(({ id }) => id === "waiting"))).toBe("'later'");
  expect(cells.find(({ id }) => id === "never")?.outputs).toEqual([]);
});
