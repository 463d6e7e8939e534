/** JupyterLab with a kernel that has subshells: its consoles beside a busy notebook, and its comms, which use them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type JupyterLab,
  kernelIsIdle,
  menu,
  openNotebook,
  ROOT,
  screenshot,
  startBrowser,
  startJupyterLab,
} from "../support/jupyterlab.ts";

const CELLS = [
  "'begin'",
  "let steps = 0;\nwhile (true) {\n  steps++;\n  await new Promise((resolve) => setTimeout(resolve, 50));\n}",
  "`${steps} steps, ${doubled > 0}`",
];

let folder: string;
let lab: JupyterLab;
let browser: Browser;
let page: Page;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "subshells-"));
  const notebook = join(folder, "busy.ipynb");
  writeFileSync(notebook, JSON.stringify(notebookOf(CELLS)));
  [lab, browser] = await Promise.all([startJupyterLab([relative(ROOT, notebook)]), startBrowser()]);
  page = await openNotebook(browser, lab, "busy.ipynb");
});
afterAll(async () => {
  await browser?.close();
  await lab?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("subshells in JupyterLab", () => {
  test("a subshell console answers while the notebook's cell waits, and sees its variables", async () => {
    // The menu offers it when JupyterLab has the kernel's description; a result comes later than that.
    await kernelIsIdle(page);
    await runCell(0);
    await notebookOutput("'begin'").waitFor({ timeout: 30_000 });
    await openConsole();
    await runCell(1);
    await prompt(1, "[*]:").waitFor();
    await runInConsole("steps > 0");
    await output(1, "true").waitFor({ timeout: 30_000 });
    await runInConsole("const doubled: number = steps * 2; doubled >= 2");
    await output(2, "true").waitFor();
    await runInConsole("steps.length");
    await page.locator(".jp-CodeConsole-content", { hasText: "TS2339" }).waitFor();
    expect(await prompt(1, "[*]:").count()).toBe(1);
    await type("ste");
    await page.keyboard.press("Tab");
    await page.locator(".jp-Completer:visible", { hasText: "steps" }).waitFor();
    await screenshot(page, "subshell-console");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+A");
    await page.keyboard.press("Delete");
  });

  test("it asks its questions itself", async () => {
    await runInConsole("await input('which? ')");
    const box = page.locator(".jp-CodeConsole-content .jp-Stdin-input");
    await box.waitFor();
    await box.fill("this one");
    await box.press("Enter");
    await output(3, "'this one'").waitFor();
    expect(await page.locator(".jp-Notebook .jp-OutputArea-output").count()).toBe(1);
  });

  test("the notebook's cell is stopped, and the names of both shells are there", async () => {
    await menu(page, "Kernel", "Interrupt Kernel");
    await notebookOutput("Execution interrupted").waitFor();
    await kernelIsIdle(page);
    await runCell(2);
    await notebookOutput(/\d+ steps, true/).waitFor({ timeout: 30_000 });
    await screenshot(page, "subshell-after");
  });
});

async function runCell(index: number): Promise<void> {
  await page.locator(`.jp-Notebook .jp-Cell[data-windowed-list-index="${index}"] .cm-content`).click();
  await page.keyboard.press("Control+Enter");
}

function notebookOutput(text: string | RegExp): Locator {
  return page.locator(".jp-Notebook .jp-OutputArea-output", { hasText: text });
}

/** The number in front of a cell of the notebook. */
function prompt(index: number, text: string): Locator {
  return page.locator(`.jp-Notebook .jp-Cell[data-windowed-list-index="${index}"] .jp-InputPrompt`, { hasText: text });
}

async function openConsole(): Promise<void> {
  await page.locator(".jp-Notebook .jp-Cell").first().click({ button: "right" });
  await page.locator(".lm-Menu-itemLabel", { hasText: "New Subshell Console for Notebook" }).click();
  await page.locator(".jp-CodeConsole-banner", { hasText: "Mobula" }).waitFor({ timeout: 30_000 });
  // JupyterLab asks for the subshell when the console is there already: what is typed at once may go to the main shell.
  await runInConsole("'ready'");
  await output(0, "'ready'").waitFor({ timeout: 30_000 });
}

async function type(code: string): Promise<void> {
  await page.locator(".jp-CodeConsole-promptCell .cm-content").click();
  await page.keyboard.insertText(code);
}

async function runInConsole(code: string): Promise<void> {
  await type(code);
  await page.keyboard.press("Shift+Enter");
}

/** A result in the console. */
function output(index: number, text: string): Locator {
  return page.locator(".jp-CodeConsole-content .jp-OutputArea-executeResult").nth(index).getByText(text);
}

function notebookOf(cells: readonly string[]): object {
  return {
    cells: cells.map((source, index) => ({
      cell_type: "code",
      id: `cell-${index}`,
      metadata: {},
      execution_count: null,
      outputs: [],
      source,
    })),
    metadata: { kernelspec: { name: "mobula", display_name: "TypeScript (Mobula)", language: "typescript" } },
    nbformat: 4,
    nbformat_minor: 5,
  };
}
