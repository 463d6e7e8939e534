/** The cluster panel in a real JupyterLab, beside a notebook that drives a Ray cluster. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import {
  type JupyterLab,
  kernelIsIdle,
  menu,
  openNotebook,
  screenshot,
  setTheme,
  startBrowser,
  startJupyterLab,
} from "../support/jupyterlab.ts";
import type { RayCluster } from "../support/ray-cluster.ts";
import { sharedRay } from "../support/shared-ray.ts";

const SOON = { timeout: 60_000 };

let ray: RayCluster;
let lab: JupyterLab;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  ray = await sharedRay();
  vi.stubEnv("MOBULA_STATE_DIR", ray.stateFolder);
  vi.stubEnv("RAY_AUTH_TOKEN", ray.token);
  [lab, browser] = await Promise.all([startJupyterLab([]), startBrowser()]);
  writeFileSync(join(lab.folder, "ray.ipynb"), notebook());
  page = await openNotebook(browser, lab, "ray.ipynb");
});
afterAll(async () => {
  await browser?.close();
  await lab?.close();
  vi.unstubAllEnvs();
  await ray?.stop();
});

function notebook(): string {
  const cells = [
    `import { actor, init, task } from "mobula";
await init({ address: "${ray.address}" });`,
    `class Counter { n = 0; add(by: number): number { return (this.n += by); } }
const counter = new (actor(Counter, { name: "counted" }))();
await counter.add(1);`,
    `const simulate = task(async (seconds: number) => {
  await new Promise((resolve) => setTimeout(resolve, 1_000 * seconds));
  return seconds;
}, { name: "simulate", cpus: 0.5 });
await simulate(0);
const endless = [simulate(600), simulate(600), simulate(600)];`,
    "for (;;) {}",
  ];
  return JSON.stringify({
    nbformat: 4,
    nbformat_minor: 5,
    metadata: { kernelspec: { name: "mobula", display_name: "Mobula (TypeScript)" } },
    cells: cells.map((source, index) => ({
      cell_type: "code",
      id: `cell-${index}`,
      metadata: {},
      execution_count: null,
      outputs: [],
      source,
    })),
  });
}

const panel = () => page.locator(".mobula-Panel");
const text = (): Promise<string> => panel().innerText();
const simulate = () => panel().locator(".mobula-Group", { hasText: "simulate" });
const node = () => panel().locator("tr", { hasText: "head · " });

/** In sight without scrolling. */
async function isInView(place: Locator): Promise<boolean> {
  const box = await place.boundingBox();
  const { width, height } = page.viewportSize() as { width: number; height: number };
  return box !== null && box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height;
}

test("shows the nodes of the Ray cluster, its actors and the tasks that run, while a cell spins", async () => {
  await panel().getByText("No cluster yet").waitFor(SOON);
  await menu(page, "Run", "Run All Cells");
  await expect.poll(text, SOON).toMatch(/Ray · up .* · 2\.\d+\.\d+/);
  await expect.poll(text, SOON).toMatch(/Counter «counted»/);
  await expect.poll(text, SOON).toMatch(/\bhead · 3 tasks run\b/);
  await simulate().getByText("3 running").waitFor(SOON);
  await simulate().getByText("1 done").waitFor(SOON);
  expect(await text()).not.toMatch(/Worker processes/);
});

test.each(["Light", "Dark"] as const)("nodes and what runs on them are in sight in the %s theme", async (theme) => {
  await setTheme(page, theme);
  for (const place of [simulate().getByText("3 running"), node().getByText("3 tasks run")])
    expect(await isInView(place)).toBe(true);
  const color = await panel().evaluate((element) => getComputedStyle(element).color);
  const isDark = Number(/\d+/.exec(color)?.[0]) < 128;
  expect(isDark).toBe(theme === "Light");
  await screenshot(page, `ray-panel-${theme.toLowerCase()}`);
});

test("cancels the tasks of a function once the cell no longer spins", async () => {
  await menu(page, "Kernel", "Interrupt Kernel");
  await kernelIsIdle(page, 30_000);
  await simulate().getByRole("button", { name: "Cancel the tasks of simulate" }).click();
  await simulate().getByRole("button", { name: "Stop" }).click();
  await simulate().getByText("3 cancelled").waitFor(SOON);
  await expect.poll(text, SOON).toMatch(/\bhead · no task runs\b/);
});
