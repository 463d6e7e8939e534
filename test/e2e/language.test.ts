import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
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
  showDocumentationPanel(join(lab.folder, "../settings"));
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

  test("a hover shows the type of a name, and its documentation", async () => {
    await hoverOver(1, "area", "Area of a rectangle, in square metres.");
    expect(await page.locator(".mobula-Hover").innerText()).toContain(
      "function area(width: number, height: number): number",
    );
    await screenshot(page, "language-hover-light");
  });

  test("completion knows kinds and documentation, and adds the import of a name that needs one", async () => {
    await write(2, "tot");
    await page.keyboard.press("Tab");
    const completer = page.locator(".jp-Completer");
    await completer.getByText("total").first().waitFor({ timeout: 10_000 });
    await completer.getByText("const total: number").first().waitFor({ timeout: 10_000 });
    await page.keyboard.press("Escape");
    await write(2, "await tas");
    await page.keyboard.press("Tab");
    await completer.getByText("task", { exact: true }).first().waitFor({ timeout: 10_000 });
    await screenshot(page, "language-completion-light");
    await page.keyboard.press("Enter");
    await expect.poll(() => text(2)).toBe('import { task } from "mobula";\nawait task');
  });

  test("Shift-Tab between arguments shows the signature and the parameter that stands there", async () => {
    await write(2, "area(2, )");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("Shift+Tab");
    const tooltip = page.locator(".jp-Tooltip");
    await tooltip.waitFor({ timeout: 10_000 });
    await tooltip.getByText("height: number", { exact: true }).waitFor({ timeout: 10_000 });
    await screenshot(page, "language-signature-light");
    await page.keyboard.press("Escape");
  });

  test("go to definition moves the cursor to the cell that declares the name", async () => {
    await write(2, "area");
    await page.keyboard.press("F12");
    await page.locator('.jp-Cell.jp-mod-active[data-windowed-list-index="0"]').waitFor({ timeout: 10_000 });
    await page.keyboard.insertText("my");
    await expect.poll(() => text(0)).toContain("function myarea(");
    await page.keyboard.press("Control+z");
  });

  test("all of it goes on while a cell spins", async () => {
    await write(2, "for (;;) {}");
    await page.keyboard.press("Control+Enter");
    await page.locator('.jp-Notebook-ExecutionIndicator[data-status="busy"]').first().waitFor();
    await write(1, "const total: string = area(2, 3);");
    await mark(1, "error").waitFor({ timeout: 10_000 });
    expect(await mark(1, "error").allInnerTexts()).toEqual(["total"]);
    await screenshot(page, "language-busy");
    await write(1, "const total = area(2, 3);\ntot");
    await page.keyboard.press("Tab");
    await page.locator(".jp-Completer").getByText("total").first().waitFor({ timeout: 10_000 });
    await page.keyboard.press("Escape");
    await write(1, "const total = area(2, 3);");
    await mark(1, "error").waitFor({ state: "detached", timeout: 10_000 });
    await rename(0, "area", "surface");
    await expect.poll(() => text(1)).toBe("const total = surface(2, 3);");
    expect(await text(0)).toContain("function surface(width");
    expect(await mark(1, "error").count()).toBe(0);
    await menu(page, "Kernel", "Interrupt Kernel");
    await kernelIsIdle(page, 20_000);
  });

  test("a renaming that would change a meaning is refused with a reason", async () => {
    await rename(0, "surface", "total");
    await page.getByText("'total' exists already in a cell that uses 'surface'.").first().waitFor({ timeout: 10_000 });
    expect(await text(0)).toContain("function surface(width");
  });

  test("screenshots in the dark theme", async () => {
    await setTheme(page, "Dark");
    await hoverOver(1, "surface", "surface");
    await screenshot(page, "language-hover-dark");
    await write(2, "su");
    await page.keyboard.press("Tab");
    await page.locator(".jp-Completer").getByText("surface").first().waitFor({ timeout: 10_000 });
    await screenshot(page, "language-completion-dark");
    await page.keyboard.press("Escape");
    await setTheme(page, "Light");
  });

  test("a level of `off` takes the marks away", async () => {
    await write(2, "const wrong: string = 1;");
    await mark(2, "error").waitFor({ timeout: 10_000 });
    await write(2, "%check off\nconst wrong: string = 1;");
    await mark(2, "error").waitFor({ state: "detached", timeout: 10_000 });
    await write(2, "");
  });
});

/** JupyterLab shows what is known about a completion when its user wants to. */
function showDocumentationPanel(settings: string): void {
  const folderOfPlugin = join(settings, "@jupyterlab/completer-extension");
  mkdirSync(folderOfPlugin, { recursive: true });
  writeFileSync(join(folderOfPlugin, "manager.jupyterlab-settings"), '{ "showDocumentationPanel": true }');
}

function cell(index: number): Locator {
  return page.locator(`.jp-Notebook .jp-Cell[data-windowed-list-index="${index}"]`);
}

function editor(index: number): Locator {
  return cell(index).locator(".cm-content");
}

function mark(index: number, category: "error" | "warning" | "unused" | "deprecated"): Locator {
  return cell(index).locator(`.mobula-Mark.mobula-is-${category}`);
}

async function text(index: number): Promise<string> {
  return (await editor(index).locator(".cm-line").allInnerTexts()).map((line) => line.replace(/\n$/, "")).join("\n");
}

/**
 * Rest the pointer on a word of a cell until the hover says what is expected: a pointer that does not move shows nothing,
 * and on its way it may rest over another word.
 */
async function hoverOver(index: number, word: string, expected: string): Promise<void> {
  await expect
    .poll(
      async () => {
        await page.mouse.move(4, 4);
        const box = await placeOf(index, word);
        await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 5 });
        return await page
          .locator(".mobula-Hover")
          .getByText(expected)
          .first()
          .waitFor({ timeout: 2000 })
          .then(
            () => true,
            () => false,
          );
      },
      { timeout: 20_000 },
    )
    .toBe(true);
}

/** Where a word stands on the screen. */
async function placeOf(index: number, word: string): Promise<{ x: number; y: number; width: number; height: number }> {
  return await editor(index).evaluate((content, wanted) => {
    const walker = document.createTreeWalker(content, NodeFilter.SHOW_TEXT);
    const range = document.createRange();
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const at = (node.textContent ?? "").search(new RegExp(`\\b${wanted}\\b`));
      if (at < 0) continue;
      range.setStart(node, at);
      range.setEnd(node, at + wanted.length);
      const { x, y, width, height } = range.getBoundingClientRect();
      return { x, y, width, height };
    }
    throw new Error(`no '${wanted}' in the cell`);
  }, word);
}

/** Rename the name at a word, as a person does: the cursor on it, F2, the new name. */
async function rename(index: number, word: string, newName: string): Promise<void> {
  const box = await placeOf(index, word);
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  await page.keyboard.press("F2");
  const input = page.locator(".jp-Dialog input");
  await input.waitFor({ timeout: 10_000 });
  expect(await input.inputValue()).toBe(word);
  await input.fill(newName);
  await page.keyboard.press("Enter");
  await input.waitFor({ state: "detached" });
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
