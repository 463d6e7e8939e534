/** The kernel, and the extension's language service and renderers, in Notebook 7. */
import { join } from "node:path";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import {
  type JupyterLab,
  kernelIsIdle,
  menu,
  openPage,
  screenshot,
  startBrowser,
  startJupyterLab,
} from "../support/jupyterlab.ts";
import { writeNotebook } from "../support/notebook-files.ts";
import { isRunning } from "../support/processes.ts";

const CELLS = {
  text: "const fish = 'manta';\nconsole.log(`a ${fish}`);\nfish.length",
  table: "table([{ fish: 'manta', metres: 7 }, { fish: 'cod', metres: 1 }])",
  picture: "svg`<svg width='90' height='90'><circle r='40' cx='45' cy='45' fill='teal'/></svg>`",
  chart: "plotly({ data: [{ type: 'bar', y: [1, 3, 2] }], layout: { height: 200 } })",
  error: "function dive(metres: number): never {\n  throw new RangeError(`${metres} m is too deep`);\n}\ndive(3000);",
  refused: "const metres: number = fish;",
  session: "process.pid",
};

/** What Notebook 7.6 itself writes to the console of its page, with any kernel and without extensions. */
const KNOWN_NOISE = /status of 404|reading 'schema'/;

let server: JupyterLab;
let browser: Browser;
let page: Page;
const problems: string[] = [];

beforeAll(async () => {
  [server, browser] = await Promise.all([startJupyterLab([], "notebook"), startBrowser()]);
  writeNotebook(join(server.folder, "fish.ipynb"), CELLS);
  page = await openPage(browser, `${server.url}/notebooks/fish.ipynb?token=${server.token}`);
  const note = (text: string) => KNOWN_NOISE.test(text) || problems.push(text);
  page.on("pageerror", (error) => note(String(error)));
  page.on("console", (message) => message.type() === "error" && note(message.text()));
  await page.locator(".jp-Notebook .jp-Cell").first().waitFor({ timeout: 60_000 });
  await kernelIsIdle(page);
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
});

function cell(id: keyof typeof CELLS): Locator {
  const index = Object.keys(CELLS).indexOf(id);
  return page.locator(`.jp-Notebook .jp-Cell[data-windowed-list-index="${index}"]`);
}

function output(id: keyof typeof CELLS): Locator {
  return cell(id).locator(".jp-OutputArea");
}

async function runAll(): Promise<void> {
  await menu(page, "Run", "Run All Cells");
  await output("error").getByText("too deep").first().waitFor({ timeout: 60_000 });
  await kernelIsIdle(page);
}

test("a type error is marked before anything runs", async () => {
  await cell("refused").locator(".cm-lintRange-error").first().waitFor({ timeout: 30_000 });
});

test("run all shows text, a table, a picture, a chart, and an error with its place, where it stops", async () => {
  await runAll();
  expect(await output("text").innerText()).toMatch(/a manta\s+\[1\]:\s+5/);
  expect(await output("table").locator("table tbody tr").count()).toBe(2);
  expect(await output("table").locator("table").innerText()).toMatch(/manta\s+7\s+cod\s+1/);
  const picture = output("picture").locator("svg circle, img[src^='data:image/svg']").first();
  expect((await picture.boundingBox())?.width).toBeGreaterThan(50);
  await output("chart").locator(".js-plotly-plot .bars .point").nth(2).waitFor({ timeout: 20_000 });
  const error = await output("error").innerText();
  expect(error).toContain("RangeError: 3000 m is too deep");
  expect(error).toMatch(/at dive \(cell \[5\]:2:\d+\)/);
  expect(await output("session").innerText()).toBe("");
  await screenshot(page, "notebook7-light");
});

test("a refused cell shows the type error, and the cell after it runs by itself", async () => {
  expect(await runCell("refused")).toContain("Type 'string' is not assignable to type 'number'");
  expect(isRunning(await sessionPid())).toBe(true);
});

test("after a kernel restart variables are gone, and everything runs again", async () => {
  const before = await sessionPid();
  await menu(page, "Kernel", "Restart Kernel and Clear Outputs of All Cells…");
  await page.locator(".jp-Dialog button.jp-mod-accept").click();
  await vi.waitUntil(() => !isRunning(before), { timeout: 15_000 });
  await vi.waitUntil(async () => (await page.locator(".jp-OutputArea-output").count()) === 0, { timeout: 15_000 });
  await kernelIsIdle(page);
  expect(await runCell("refused")).toContain("Cannot find name 'fish'");
  await runAll();
  expect(await output("text").innerText()).toMatch(/a manta/);
  expect(await sessionPid()).not.toBe(before);
});

test("nothing went wrong in the page's console", () => {
  expect(problems).toEqual([]);
});

async function sessionPid(): Promise<number> {
  return Number(await runCell("session"));
}

/** Run one cell; resolves with what it shows. */
async function runCell(id: keyof typeof CELLS): Promise<string> {
  const prompt = cell(id).locator(".jp-InputPrompt");
  const before = await prompt.innerText();
  await prompt.click();
  await page.keyboard.press("Control+Enter");
  await vi.waitUntil(
    async () => {
      const now = await prompt.innerText();
      return now !== before && /\d/.test(now);
    },
    { timeout: 30_000 },
  );
  return await output(id).locator(".jp-OutputArea-output").first().innerText();
}
