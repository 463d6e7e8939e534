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

const TREE = `class Layer { weights = new Float32Array(300); constructor(public name: string, public units: number) {} }
const run = {
  name: "run 7", started: new Date(0), isDone: false, note: null,
  rates: new Map<string, number>([["train", 0.01], ["fine-tune", 0.001]]), tags: new Set(["cnn", "small"]),
  layers: [new Layer("dense", 64), new Layer("out", 10)],
  failure: new RangeError("loss is not finite"), get lazy() { throw new Error("a getter ran") },
  history: Array.from({ length: 400 }, (_, epoch) => ({ epoch, loss: 1 / (epoch + 1) })),
};
run`;

const TABLE = `Array.from({ length: 40 }, (_, n) => ({
  city: ["Lima", "Oslo", "Accra", "Kyoto"][n % 4], day: new Date(n * 86_400_000), riders: n * n * 37, share: n / 7, isOpen: n % 3 > 0,
}))`;

const VEGA = `({
  $schema: "https://vega.github.io/schema/vega-lite/v5.json", title: "Riders", width: 320, height: 160,
  data: { values: [{ day: "Mon", riders: 28 }, { day: "Tue", riders: 55 }, { day: "Wed", riders: 43 }] },
  mark: "bar", encoding: { x: { field: "day", type: "nominal" }, y: { field: "riders", type: "quantitative" } },
})`;

const SLIDER = `const slider = widget({
  state: { value: 3, max: 10 },
  css: ".speed { display: flex; gap: 8px; align-items: center; color: var(--jp-ui-font-color1); font-family: var(--jp-ui-font-family) }",
  esm: \`export default { render({ model, el }) {
    const label = document.createElement("label");
    label.className = "speed";
    const input = Object.assign(document.createElement("input"), { type: "range", min: 0, max: model.get("max") });
    const value = document.createElement("output");
    const show = () => { input.value = model.get("value"); value.textContent = model.get("value"); };
    input.addEventListener("input", () => { model.set("value", Number(input.value)); model.save_changes(); });
    model.on("change:value", show);
    model.on("msg:custom", (text) => { label.title = text; });
    label.append("Speed ", input, value);
    el.append(label);
    show();
    return () => { document.body.dataset.sliderEnded = "yes"; };
  } }\`,
});
slider.onChange(({ value }) => console.log("moved to", value, typeof value));
slider`;

const CELLS = [TREE, TABLE, VEGA, SLIDER, "slider"];

let folder: string;
let lab: JupyterLab;
let browser: Browser;
let page: Page;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "display-"));
  const notebook = join(folder, "display.ipynb");
  writeFileSync(notebook, JSON.stringify(notebookOf(CELLS)));
  [lab, browser] = await Promise.all([startJupyterLab([relative(ROOT, notebook)]), startBrowser()]);
  page = await openNotebook(browser, lab, "display.ipynb");
  // The kernel has told of its variables, so it is there: JupyterLab would ask for one otherwise.
  await page.getByText("Cells have declared no variables yet").waitFor({ timeout: 60_000 });
  await menu(page, "Run", "Run All Cells");
  await outputs(4).first().waitFor({ timeout: 60_000 });
  await kernelIsIdle(page);
}, 240_000);
afterAll(async () => {
  await browser?.close();
  await lab?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("what cells show in JupyterLab", () => {
  test("a large value is a tree that folds out by mouse and keyboard, without running getters", async () => {
    const tree = outputs(0).locator(".mobula-tree");
    await tree.waitFor();
    const text = await tree.innerText();
    expect(text).toContain("lazy: [Getter]");
    expect(text).toContain("rates: Map(2)");
    expect(await tree.getByText("'fine-tune'").count()).toBe(2); // in the short form, and folded in
    await tree.locator("summary", { hasText: /^layers:/ }).click();
    const layer = tree.locator("summary", { hasText: /^0: Layer/ });
    await layer.waitFor();
    await layer.focus();
    await page.keyboard.press("Enter");
    await tree.locator("li", { hasText: /^units: 64$/ }).waitFor();
  });

  test("records are a table with types and aligned points", async () => {
    const table = outputs(1).locator("table");
    expect(await table.locator("thead tr").nth(1).locator("th").allInnerTexts()).toEqual([
      "string",
      "Date",
      "number",
      "number",
      "boolean",
    ]);
    expect(await table.locator("tbody tr").count()).toBe(11);
    expect(await table.locator("tbody tr").nth(1).locator("td").allInnerTexts()).toEqual([
      "Oslo",
      "1970-01-02",
      "37",
      "0.142857",
      "true",
    ]);
  });

  test("a Vega-Lite specification is drawn", async () => {
    const drawing = outputs(2).locator(".vega-embed canvas, .vega-embed svg, img[src^='data:image/png']").first();
    await drawing.waitFor({ timeout: 30_000 });
    const box = await drawing.boundingBox();
    expect(box?.width).toBeGreaterThan(300);
  });

  test("a slider moves the notebook's value, and the notebook moves the slider, in all its places", async () => {
    const [first, second] = [outputs(3).locator("input"), outputs(4).locator("input")];
    await first.waitFor();
    expect([await first.inputValue(), await second.inputValue()]).toEqual(["3", "3"]);
    // At 4 tenths of its way.
    const box = await first.boundingBox();
    if (box === null) throw new Error("the slider is not in the page");
    await first.click({ position: { x: 8 + (box.width - 16) * 0.4, y: box.height / 2 } });
    await outputs(3).getByText("moved to 4 number").waitFor();
    await expect.poll(() => second.inputValue()).toBe("4");
    const shown = await runNew("slider.set({ value: 9 }); slider.send('from the kernel'); slider.get('value')");
    await shown.getByText("9", { exact: true }).waitFor();
    await expect.poll(() => first.inputValue()).toBe("9");
    await expect.poll(() => second.inputValue()).toBe("9");
    expect(await outputs(3).locator("label").getAttribute("title")).toBe("from the kernel");
  });

  test("the panel lists the variables, and follows what cells do", async () => {
    await variable("run").waitFor({ timeout: 15_000 });
    expect(await variable("slider").innerText()).toMatch(/slider\s+\w*Widget/);
    await runNew("const fresh = new Map([['a', 1]])");
    await variable("fresh").waitFor();
    expect(await variable("fresh").innerText()).toMatch(/fresh\s+Map\s+1/);
    await runNew("const fresh = 'now a text'");
    await expect.poll(() => variable("fresh").innerText()).toMatch(/fresh\s+string\s+10/);
  });

  test.each(["Light", "Dark"] as const)("screenshots in the %s theme", async (theme) => {
    await setTheme(page, theme);
    for (const [at, name] of ["tree", "table", "chart", "widget"].entries()) {
      await outputs(at).first().scrollIntoViewIfNeeded();
      await screenshot(page, `display-${theme.toLowerCase()}-${name}`);
    }
    await setTheme(page, "Light");
  });

  test("after a restart a widget says what to do, and its front end has cleaned up", async () => {
    await menu(page, "Kernel", "Restart Kernel…");
    await page.locator(".jp-Dialog").locator("button.jp-mod-accept").click();
    await outputs(3).getByText("Run the cell again").first().waitFor({ timeout: 20_000 });
    expect(await page.locator("body").getAttribute("data-slider-ended")).toBe("yes");
    await expect.poll(() => variable("run").count(), { timeout: 20_000 }).toBe(0);
  });
});

/** The output of a cell, by its place in the notebook. */
function outputs(index: number): Locator {
  return page.locator(`.jp-Notebook .jp-Cell[data-windowed-list-index="${index}"] .jp-OutputArea-output`);
}

/** The row of a variable in the panel. */
function variable(name: string): Locator {
  return page.locator(".mobula-Variables tr", { has: page.locator(`th[title="${name}"]`) });
}

/** Run `code` in a new last cell; returns its output. */
async function runNew(code: string): Promise<Locator> {
  const cells = page.locator(".jp-Notebook .jp-Cell");
  await page.keyboard.press("Escape");
  await cells.last().locator(".jp-InputPrompt").first().click();
  await page.keyboard.press("Escape");
  await page.keyboard.press("b");
  await page.keyboard.press("Enter");
  await page.keyboard.insertText(code);
  const created = page.locator(".jp-Notebook .jp-Cell.jp-mod-selected").last();
  const index = await created.getAttribute("data-windowed-list-index");
  await page.keyboard.press("Control+Enter");
  await kernelIsIdle(page);
  return page.locator(`.jp-Notebook .jp-Cell[data-windowed-list-index="${index}"] .jp-OutputArea`);
}

function notebookOf(cells: readonly string[]): object {
  return {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: { kernelspec: { name: "mobula", display_name: "TypeScript (Mobula)", language: "typescript" } },
    cells: cells.map((source, index) => ({
      id: `cell-${index}`,
      cell_type: "code",
      metadata: {},
      execution_count: null,
      outputs: [],
      source,
    })),
  };
}
