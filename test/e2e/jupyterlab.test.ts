import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
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

/** What JupyterLab itself writes to the console of a page under test. */
const TOUR_CELLS: readonly string[] = JSON.parse(readFileSync(join(ROOT, "notebooks/tour.ipynb"), "utf8")).cells.map(
  (entry: { id: string }) => entry.id,
);
const KNOWN_NOISE = /favicon|status of 40[34]|license|net::ERR_(ABORTED|INTERNET)|jupyterlab_news|Failed to fetch\b/i;

let lab: JupyterLab;
let browser: Browser;
beforeAll(async () => {
  [lab, browser] = await Promise.all([startJupyterLab(["notebooks/tour.ipynb"]), startBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await lab?.close();
});

describe("the tour in JupyterLab", () => {
  let page: Page;
  const problems: string[] = [];
  /** Numbers of tasks that the panel said were running or queued, in the order seen. */
  const seenRunning: string[] = [];
  let sawProgress = false;

  beforeAll(async () => {
    page = await openNotebook(browser, lab, "tour.ipynb");
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error" && !KNOWN_NOISE.test(message.text())) problems.push(message.text());
    });
  });

  test("the panel shows itself beside the first notebook, and says how to start a cluster", async () => {
    await panel(page).getByText("No cluster yet").waitFor({ timeout: 15_000 });
    await screenshot(page, "lab-before");
  });

  test("run all: panel counts change while tasks run, and progress shows under the cell", async () => {
    await menu(page, "Run", "Run All Cells");
    const last = cell(page, "timing");
    const deadline = Date.now() + 90_000;
    while (Date.now() < deadline && (await last.locator(".jp-OutputArea-output").count()) === 0) {
      const legend = await panel(page)
        .locator(".mobula-Legend-item.mobula-is-running, .mobula-Legend-item.mobula-is-queued")
        .allInnerTexts();
      const text = legend.join(" ");
      if (text && seenRunning.at(-1) !== text) seenRunning.push(text);
      const progress = cell(page, "run").locator(".jp-OutputArea-output", { hasText: "running" });
      if (!sawProgress && (await progress.count()) > 0) {
        sawProgress = true;
        await progress.first().scrollIntoViewIfNeeded();
        await sleep(150);
        await screenshot(page, "lab-running");
      }
      await sleep(40);
    }
    await kernelIsIdle(page, 30_000);
    expect(await last.locator(".jp-OutputArea-output").count()).toBeGreaterThan(0);
    expect(seenRunning.length).toBeGreaterThan(0);
    expect(sawProgress).toBe(true);
    const summarise = panel(page).locator(".mobula-Group", { hasText: "summarise" });
    await summarise.getByText("4 done").waitFor({ timeout: 5_000 });
  });

  test("the chart is drawn by Plotly, and the table is a table", async () => {
    const chart = cell(page, "chart").locator(".js-plotly-plot .main-svg").first();
    await chart.scrollIntoViewIfNeeded();
    await chart.waitFor({ timeout: 20_000 });
    expect(await cell(page, "chart").locator(".js-plotly-plot .bars .point").count()).toBeGreaterThan(15);
    expect(await cell(page, "table").locator(".jp-OutputArea-output table tr").count()).toBeGreaterThan(15);
  });

  test("the refused cell shows the type error with its line, and the cells after it still run", async () => {
    const error = cell(page, "type-error").locator(".jp-OutputArea-output");
    expect(await error.innerText()).toContain('summarise(parts[0], "many", 1)');
    expect(await error.innerText()).toContain("not assignable to parameter");
    const texts = await cell(page, "cancel").locator(".jp-OutputArea-output").allInnerTexts();
    expect(texts.join("\n")).toMatch(/'endless' was cancelled/);
  });

  test.each(["Light", "Dark"] as const)("screenshots in the %s theme", async (theme) => {
    await setTheme(page, theme);
    for (const id of ["start", "load", "table", "chart", "type-error", "timing"]) {
      await cell(page, id).locator(".jp-OutputArea-output").first().scrollIntoViewIfNeeded();
      await sleep(600);
      await screenshot(page, `lab-${theme.toLowerCase()}-${id}`);
    }
    await setTheme(page, "Light");
  });

  test("interrupt of `for(;;){}` gives back the prompt, with the variables of earlier cells alive", async () => {
    await runNew(page, "for (;;) {}");
    await page.locator('.jp-Notebook-ExecutionIndicator[data-status="busy"]').first().waitFor();
    await panel(page).locator('[aria-label="Progress of summarise"]').waitFor();
    await sleep(1000);
    await menu(page, "Kernel", "Interrupt Kernel");
    await kernelIsIdle(page, 10_000);
    const output = await runNew(page, "`${parts.length} blocks, ${byHour.length} hours`");
    await output.getByText(/4 blocks, \d+ hours/).waitFor({ timeout: 10_000 });
    await screenshot(page, "lab-after-interrupt");
  });

  test("completion and documentation come from the types", async () => {
    await typeIntoNew(page, "totals.re");
    await page.keyboard.press("Tab");
    await page.locator(".jp-Completer").getByText("result").first().waitFor({ timeout: 10_000 });
    await screenshot(page, "lab-completion");
    await page.keyboard.press("Escape");
    await typeIntoNew(page, "summarise");
    await page.keyboard.press("Shift+Tab");
    await page.locator(".jp-Tooltip").getByText("HourSums").first().waitFor({ timeout: 10_000 });
    await screenshot(page, "lab-hover");
    await page.keyboard.press("Escape");
  });

  test("after a kernel restart the panel finds the new cluster by itself", async () => {
    await menu(page, "Kernel", "Restart Kernel…");
    await page.locator(".jp-Dialog").locator("button.jp-mod-accept").click();
    await panel(page)
      .getByText(/kernel was restarted|No cluster yet|kernel is starting/i)
      .first()
      .waitFor({ timeout: 20_000 });
    await kernelIsIdle(page);
    await runNew(page, 'import { task } from "mobula";\nawait task(() => 42, { name: "again" })()');
    await panel(page).locator(".mobula-Group", { hasText: "again" }).waitFor({ timeout: 20_000 });
    await screenshot(page, "lab-after-restart");
  });

  test("nothing went wrong in the page's console", () => {
    expect(problems).toEqual([]);
  });
});

function panel(page: Page): Locator {
  return page.locator("#mobula-cluster");
}

/** A cell of the notebook, by where its id stands in the file. */
function cell(page: Page, id: string): Locator {
  const index = TOUR_CELLS.indexOf(id);
  if (index < 0) throw new Error(`the tour has no cell '${id}'`);
  return page.locator(`.jp-Notebook .jp-Cell[data-windowed-list-index="${index}"]`);
}

/** Put a new last cell with `code` into the notebook. */
async function typeIntoNew(page: Page, code: string): Promise<Locator> {
  const cells = page.locator(".jp-Notebook .jp-Cell");
  await page.keyboard.press("Escape");
  await cells.last().locator(".jp-InputPrompt").first().click();
  await page.keyboard.press("Escape");
  await page.keyboard.press("b");
  await page.keyboard.press("Enter");
  await page.keyboard.insertText(code);
  return page.locator(".jp-Notebook .jp-Cell.jp-mod-selected").last();
}

async function runNew(page: Page, code: string): Promise<Locator> {
  const created = await typeIntoNew(page, code);
  const index = await created.getAttribute("data-windowed-list-index");
  await page.keyboard.press("Control+Enter");
  return page.locator(`.jp-Notebook .jp-Cell[data-windowed-list-index="${index}"] .jp-OutputArea`);
}
