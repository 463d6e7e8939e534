/** JupyterLab's debugger with the project's kernel, as a person uses it: the bug, the gutter, the panel. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type JupyterLab,
  kernelIsIdle,
  openNotebook,
  screenshot,
  setTheme,
  startBrowser,
  startJupyterLab,
} from "../support/jupyterlab.ts";

const PATIENCE = { timeout: 15_000 };
const KNOWN_NOISE = /favicon|status of 40[34]|license|net::ERR_(ABORTED|INTERNET)|jupyterlab_news|Failed to fetch\b/i;

const DEFINITIONS = `interface Order { item: string; count: number }

class Basket {
  #discount = 0.1;
  constructor(public orders: Order[]) {}
  get size(): number { return this.orders.length; }
}

function price(order: Order, unit: number): number {
  const total = order.count * unit;
  return Math.round(total * 100) / 100;
}`;

const RUN = `const basket = new Basket([{ item: "pear", count: 3 }, { item: "fig", count: 12 }]);
const prices = new Map<string, number>([["pear", 0.4], ["fig", 0.15]]);
let sum = 0;
for (const order of basket.orders) {
  sum += price(order, prices.get(order.item) ?? 0);
}
sum`;

const TASK = `import { get, task } from "mobula";
interface Size { width: number; height: number }

const area = task(function area({ width, height }: Size): number {
  const product = width * height;
  return Math.round(product);
});`;

const CALLS = `const areas = [area({ width: 2, height: 3 }), area({ width: 4, height: 5 })];
await get(areas)`;

let lab: JupyterLab;
let browser: Browser;
beforeAll(async () => {
  [lab, browser] = await Promise.all([startJupyterLab([]), startBrowser()]);
  writeFileSync(join(lab.folder, "debug.ipynb"), notebookOf(DEFINITIONS, RUN));
  writeFileSync(join(lab.folder, "workers.ipynb"), notebookOf(TASK, CALLS));
});
afterAll(async () => {
  await browser?.close();
  await lab?.close();
});

function notebookOf(...sources: readonly string[]): string {
  const cells = sources.map((source, index) => ({
    cell_type: "code",
    id: `cell-${index}`,
    source,
    metadata: {},
    outputs: [],
    execution_count: null,
  }));
  const kernelspec = { name: "mobula", display_name: "TypeScript (Mobula)", language: "typescript" };
  return JSON.stringify({ cells, metadata: { kernelspec }, nbformat: 4, nbformat_minor: 5 });
}

describe("the debugger in JupyterLab", () => {
  let page: Page;
  const problems: string[] = [];

  beforeAll(async () => {
    page = await openNotebook(browser, lab, "debug.ipynb");
    page.setDefaultTimeout(15_000);
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error" && !KNOWN_NOISE.test(message.text())) problems.push(message.text());
    });
  });

  test("the bug turns the debugger on", async () => {
    await run(page, 0);
    await toggleDebugger(page, true);
    await page.locator(".jp-DebuggerSidebar").waitFor();
  });

  test("a click in the gutter sets a breakpoint, and the run stops there", async () => {
    await breakAt(page, 1, 5);
    await page.locator(".jp-DebuggerBreakpoint").first().waitFor();
    await run(page, 1, { waits: false });
    await stopsAt(page, 1, "sum += price");
    expect(await callStack(page)).toEqual([expect.stringMatching(/^cell \[\d+\] Cell \[\*\]:5$/)]);
  });

  test("the panel shows the variables of the block, and the globals beside", async () => {
    const tree = page.locator(".jp-DebuggerVariables");
    await tree.getByText('{item: "pear", count: 3}').first().waitFor();
    await screenshot(page, "debugger-light-stopped");
    await setTheme(page, "Dark");
    await screenshot(page, "debugger-dark-stopped");
    await setTheme(page, "Light");
  });

  test("a step leads into a function of another cell, and out again", async () => {
    await press(page, "stepIn");
    await stopsAt(page, 0, "const total");
    expect(await callStack(page)).toEqual([
      expect.stringMatching(/^price Cell \[\d+\]:10$/),
      expect.stringMatching(/^cell \[\d+\] Cell \[\*\]:5$/),
    ]);
    await press(page, "next");
    await stopsAt(page, 0, "return Math.round");
    await page.locator(".jp-DebuggerVariables").getByText("total").first().waitFor();
    await screenshot(page, "debugger-light-function");
    await press(page, "stepOut");
    await stopsAt(page, 1, "for (const order");
  });

  test("continue runs to the next stop, and then to the end", async () => {
    await press(page, "continue");
    await stopsAt(page, 1, "sum += price");
    await press(page, "continue");
    await kernelIsIdle(page);
    expect(await cell(page, 1).locator(".jp-OutputArea-output").innerText()).toBe("3");
    expect(await page.locator(".jp-DebuggerPausedOverlay").count()).toBe(0);
    expect(await page.locator(".jp-DebuggerEditor-highlight").count()).toBe(0);
  });

  test("when nothing runs, the panel lists the notebook's variables", async () => {
    const tree = page.locator(".jp-DebuggerVariables");
    await tree.getByText("Basket {").first().waitFor();
    await tree.getByText('Map(2) {"pear" => 0.4').first().waitFor();
    await screenshot(page, "debugger-light-idle");
  });

  test("without the debugger the breakpoint stops nobody", async () => {
    await toggleDebugger(page, false);
    await run(page, 1);
    expect(await cell(page, 1).locator(".jp-OutputArea-output").innerText()).toBe("3");
  });

  test("nothing went wrong in the page's console", () => {
    expect(problems).toEqual([]);
  });
});

describe("the debugger in JupyterLab, with tasks that run in workers", () => {
  let page: Page;
  beforeAll(async () => {
    page = await openNotebook(browser, lab, "workers.ipynb");
    page.setDefaultTimeout(15_000);
  });

  test("a breakpoint in a task's function stops the worker, and the panel shows its variables", async () => {
    await run(page, 0);
    await toggleDebugger(page, true);
    await page.locator(".jp-DebuggerSidebar").waitFor();
    await breakAt(page, 0, 5);
    await run(page, 1, { waits: false });
    await stopsAt(page, 0, "const product");
    expect(await callStack(page)).toEqual([expect.stringMatching(/^area Cell \[\d+\]:5$/)]);
    await page.locator(".jp-DebuggerVariables").getByText("height").first().waitFor();
    await screenshot(page, "debugger-light-worker");
  });

  test("a step goes on in the same worker, and continue shows the other one that stands", async () => {
    const width = page.locator(".jp-DebuggerVariables [role=treeitem]", { hasText: "width" });
    const first = await width.first().innerText();
    await press(page, "next");
    await stopsAt(page, 0, "return Math");
    const product = page.locator(".jp-DebuggerVariables [role=treeitem]", { hasText: "product" });
    await expect.poll(() => product.first().innerText(), PATIENCE).toMatch(/\s(6|20)$/);
    expect(await width.first().innerText()).toBe(first);
    await press(page, "continue");
    await stopsAt(page, 0, "const product");
    await expect.poll(() => width.first().innerText(), PATIENCE).not.toBe(first);
    await screenshot(page, "debugger-light-second-worker");
    await press(page, "continue");
    await kernelIsIdle(page);
    expect(await cell(page, 1).locator(".jp-OutputArea-output").last().innerText()).toContain("[ 6, 20 ]");
    expect(await page.locator(".jp-DebuggerPausedOverlay").count()).toBe(0);
  });
});

function cell(page: Page, index: number): Locator {
  return page.locator(`.jp-Notebook .jp-Cell[data-windowed-list-index="${index}"]`);
}

/** Press the bug. It is there before it is of use, so press again until it has an effect. */
async function toggleDebugger(page: Page, isOn: boolean): Promise<void> {
  const pressed = page.locator(`.jp-DebuggerBugButton[aria-pressed="${isOn}"]`);
  const deadline = Date.now() + 30_000;
  while ((await pressed.count()) === 0) {
    if (Date.now() > deadline) throw new Error("The bug button has no effect.");
    await page.locator(`.jp-DebuggerBugButton[aria-pressed="${!isOn}"]`).click();
    await pressed.waitFor({ timeout: 3_000 }).catch(() => {});
  }
}

/** Run a cell. A page that has just opened may not heed its keys yet, so press again until the cell runs. */
async function run(page: Page, index: number, { waits = true } = {}): Promise<void> {
  const prompt = cell(page, index).locator(".jp-InputPrompt").first();
  const before = await prompt.innerText();
  const hasBegun = async (): Promise<boolean> => (await prompt.innerText()) !== before;
  const deadline = Date.now() + 30_000;
  while (!(await hasBegun())) {
    if (Date.now() > deadline) throw new Error(`Cell ${index} does not run.`);
    await prompt.click();
    await page.keyboard.press("Control+Enter");
    await expect
      .poll(hasBegun, { timeout: 3_000 })
      .toBe(true)
      .catch(() => {});
  }
  if (!waits) return;
  await cell(page, index)
    .locator(".jp-InputPrompt", { hasText: /\[\d+\]/ })
    .waitFor();
  await kernelIsIdle(page);
}

/** Click in the gutter before a line, counted from 1. */
async function breakAt(page: Page, index: number, line: number): Promise<void> {
  const gutter = cell(page, index).locator(".cm-gutter.cm-breakpoint-gutter .cm-gutterElement");
  // The first element is a spacer that has no line.
  await gutter.nth(line).click();
  await cell(page, index).locator(".cm-breakpoint-icon").last().waitFor();
}

/** Press a button above the call stack. */
async function press(page: Page, command: string): Promise<void> {
  await page.locator(`.jp-DebuggerSidebar [data-command="debugger:${command}"]`).first().click();
}

/** Wait until the marked line of a cell is the one with this text, and the panel knows the frame. */
async function stopsAt(page: Page, index: number, text: string): Promise<void> {
  await cell(page, index).locator(".jp-DebuggerEditor-highlight", { hasText: text }).waitFor({ timeout: 20_000 });
  await page.locator(".jp-DebuggerPausedOverlay").waitFor();
}

async function callStack(page: Page): Promise<string[]> {
  const texts = await page.locator(".jp-DebuggerCallstackFrame").allInnerTexts();
  return texts.map((text) => text.replace(/\s+/g, " ").trim());
}
