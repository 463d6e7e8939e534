/** Cells that ask their user, in a real JupyterLab. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type JupyterLab,
  kernelIsIdle,
  menu,
  openNotebook,
  ROOT,
  startBrowser,
  startJupyterLab,
} from "../support/jupyterlab.ts";

const CELLS = [
  'const name = prompt("name? ");\nconst key = await input("key? ", { password: true });\n`${name} ${key.length}`',
  'let kept = 7;\nprompt("never answered");',
  "kept + 1",
];

let folder: string;
let lab: JupyterLab;
let browser: Browser;
let page: Page;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "input-"));
  const notebook = join(folder, "questions.ipynb");
  writeFileSync(notebook, JSON.stringify(notebookOf(CELLS)));
  [lab, browser] = await Promise.all([startJupyterLab([relative(ROOT, notebook)]), startBrowser()]);
  page = await openNotebook(browser, lab, "questions.ipynb");
});
afterAll(async () => {
  await browser?.close();
  await lab?.close();
  rmSync(folder, { recursive: true, force: true });
});

test("a cell asks below itself, and goes on with what the user types", async () => {
  // The indicator in the notebook can be idle before the page has its connection; then a run would be dropped.
  await page.locator("#jp-main-statusbar", { hasText: "TypeScript (Mobula) | Idle" }).waitFor({ timeout: 60_000 });
  await run(0);
  await answer(0, "name? ", "Ada 🦈");
  await answer(0, "key? ", "s3cret");
  await output(0).getByText("'Ada 🦈 6'").waitFor({ timeout: 30_000 });
  expect(await cell(0).innerText()).not.toContain("s3cret");
});

test("the stop button ends a question, and keeps the variables", async () => {
  await run(1);
  await field(1).waitFor({ timeout: 30_000 });
  await menu(page, "Kernel", "Interrupt Kernel");
  await output(1).getByText("KeyboardInterrupt").first().waitFor({ timeout: 30_000 });
  await kernelIsIdle(page);
  await run(2);
  await output(2).getByText("8", { exact: true }).waitFor({ timeout: 30_000 });
});

function cell(index: number): Locator {
  return page.locator(".jp-Notebook .jp-Cell").nth(index);
}

function output(index: number): Locator {
  return cell(index).locator(".jp-OutputArea-output");
}

function field(index: number): Locator {
  return cell(index).locator(".jp-Stdin-input");
}

async function run(index: number): Promise<void> {
  await cell(index).locator(".cm-content").click();
  await page.keyboard.press("Control+Enter");
}

async function answer(index: number, question: string, text: string): Promise<void> {
  await cell(index).locator(".jp-Stdin-prompt", { hasText: question }).waitFor({ timeout: 30_000 });
  await field(index).last().fill(text);
  await field(index).last().press("Enter");
}

function notebookOf(cells: readonly string[]): object {
  const kernelspec = { display_name: "TypeScript (Mobula)", language: "typescript", name: "mobula" };
  const code = (source: string, index: number) => ({
    cell_type: "code",
    id: `cell-${index}`,
    execution_count: null,
    metadata: {},
    outputs: [],
    source,
  });
  return { cells: cells.map(code), metadata: { kernelspec }, nbformat: 4, nbformat_minor: 5 };
}
