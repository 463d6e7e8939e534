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
  setTheme,
  startBrowser,
  startJupyterLab,
} from "../support/jupyterlab.ts";

const CELLS = [
  "/** Area of a rectangle, in square metres. */\nfunction area(width: number, height: number) {\n  return width * height;\n}",
  'const total = area(2, "3");\nfunction unread(spare: number) {\n  return escape("a");\n}',
  "",
];

let folder: string;
let lab: JupyterLab;
let browser: Browser;
let page: Page;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "language-"));
  const notebook = join(folder, "cells.ipynb");
  writeFileSync(notebook, JSON.stringify(notebookOf(CELLS)));
  [lab, browser] = await Promise.all([startJupyterLab([relative(ROOT, notebook)]), startBrowser()]);
  page = await openNotebook(browser, lab, "cells.ipynb");
});
afterAll(async () => {
  await browser?.close();
  await lab?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("the language service in JupyterLab's cells", () => {
  test("a wrong cell is underlined before anything has run, and knows the cells above it", async () => {
    await mark(1, "error").waitFor({ timeout: 30_000 });
    expect(await mark(1, "error").allInnerTexts()).toEqual(['"3"']);
    expect(await mark(1, "unused").allInnerTexts()).toEqual(["spare"]);
    expect(await mark(1, "deprecated").allInnerTexts()).toEqual(["escape"]);
    expect(await mark(0, "error").count()).toBe(0);
    await screenshot(page, "language-marks-light");
  });

  test("a hover over it says what is wrong, with the compiler's number", async () => {
    await mark(1, "error").hover();
    const message = page.locator(".mobula-Mark-message");
    await message.waitFor({ timeout: 10_000 });
    expect(await message.innerText()).toBe(
      "Argument of type 'string' is not assignable to parameter of type 'number'. TS2345",
    );
    await screenshot(page, "language-message-light");
    await setTheme(page, "Dark");
    await mark(1, "error").hover();
    await message.waitFor({ timeout: 10_000 });
    await screenshot(page, "language-message-dark");
    await setTheme(page, "Light");
  });

  test("marks go while the text changes, and stay away when it is right; a quick fix mends it", async () => {
    await write(1, "const total = area(2, 3);\ntotal.toFixd(1)");
    await mark(1, "error").waitFor({ timeout: 10_000 });
    expect(await mark(1, "error").allInnerTexts()).toEqual(["toFixd"]);
    await mark(1, "error").hover();
    await page.getByRole("button", { name: "Change spelling to 'toFixed'" }).click();
    await mark(1, "error").waitFor({ state: "detached", timeout: 10_000 });
    expect(await editor(1).innerText()).toContain("total.toFixed(1)");
  });

  test("it goes on while a cell spins", async () => {
    await write(2, "for (;;) {}");
    await page.keyboard.press("Control+Enter");
    await page.locator('.jp-Notebook-ExecutionIndicator[data-status="busy"]').first().waitFor();
    await write(1, "const total: string = area(2, 3);");
    await mark(1, "error").waitFor({ timeout: 10_000 });
    expect(await mark(1, "error").allInnerTexts()).toEqual(["total"]);
    await screenshot(page, "language-busy");
    await write(1, "const total = area(2, 3);");
    await mark(1, "error").waitFor({ state: "detached", timeout: 10_000 });
    await menu(page, "Kernel", "Interrupt Kernel");
    await kernelIsIdle(page, 20_000);
  });

  test("a level of `off` takes the marks away", async () => {
    await write(2, "const wrong: string = 1;");
    await mark(2, "error").waitFor({ timeout: 10_000 });
    await write(2, "%check off\nconst wrong: string = 1;");
    await mark(2, "error").waitFor({ state: "detached", timeout: 10_000 });
    await write(2, "");
  });
});

function cell(index: number): Locator {
  return page.locator(`.jp-Notebook .jp-Cell[data-windowed-list-index="${index}"]`);
}

function editor(index: number): Locator {
  return cell(index).locator(".cm-content");
}

function mark(index: number, category: "error" | "warning" | "unused" | "deprecated"): Locator {
  return cell(index).locator(`.mobula-Mark.mobula-is-${category}`);
}

/** Replace the text of a cell, as by typing; the cursor stands at its end. */
async function write(index: number, code: string): Promise<void> {
  await editor(index).click();
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  await page.keyboard.insertText(code);
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
    metadata: {
      kernelspec: { name: "mobula", display_name: "TypeScript (Mobula)", language: "typescript" },
      language_info: { name: "typescript", file_extension: ".ts" },
    },
    nbformat: 4,
    nbformat_minor: 5,
  };
}
