import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Recording } from "../../../../extensions/jupyterlab/src/replay/recording.ts";
import { startBrowser } from "../../../support/jupyterlab.ts";
import { freshEvents, liveEvents, MANY_GROUPS, MOBULA_KERNEL, NOW_MS, rayEvents, received } from "../recordings.ts";
import { bundleReplayPage, faintTexts, openReplay, PANEL_WIDTH_PX, show, type Theme } from "../replay-page.ts";

const pictures = new URL("../../../../test-output/extension/", import.meta.url);

function recording(events: Recording["events"]): Recording {
  return { events, nowMs: NOW_MS };
}

const STATES: Record<string, Recording> = {
  "no-notebook": recording(null),
  "other-kernel": recording([{ type: "kernel-changed", kernel: "other", kernelName: "Python 3 (ipykernel)" }]),
  empty: recording([MOBULA_KERNEL, { type: "comm-closed" }]),
  fresh: recording(freshEvents()),
  live: recording(liveEvents()),
  "live-40-functions": recording(liveEvents(MANY_GROUPS)),
  ray: recording(rayEvents()),
  lost: recording([...liveEvents(), { type: "kernel-restarting" }]),
  died: recording([...liveEvents(), { type: "kernel-died" }]),
  refused: recording([
    MOBULA_KERNEL,
    received({
      op: "refused",
      protocol: 2,
      reason: "This cluster speaks view protocol 2; update the older of cluster and panel.",
    }),
  ]),
};

let browser: Browser;
let script: string;
const errors: string[] = [];
const pages: Page[] = [];

beforeAll(async () => {
  mkdirSync(pictures, { recursive: true });
  [browser, script] = await Promise.all([startBrowser(), bundleReplayPage()]);
});

afterAll(() => browser?.close());

afterEach(async () => {
  await Promise.all(pages.splice(0).map((page) => page.close()));
  expect(errors.splice(0)).toEqual([]);
});

async function open(state: Recording, theme: Theme = "light"): Promise<Page> {
  const page = await openReplay(browser, script, theme, errors);
  pages.push(page);
  await show(page, state);
  return page;
}

describe.each<Theme>(["light", "dark", "dark-high-contrast"])("in the theme %s", (theme) => {
  it.each(Object.entries(STATES))("the state «%s» fits a narrow side bar and can be read", async (name, state) => {
    const page = await open(state, theme);
    await page.screenshot({ path: fileURLToPath(new URL(`${name}-${theme}.png`, pictures)), fullPage: true });
    expect(await page.locator(".mobula-Sidebar").evaluate((panel) => panel.scrollWidth)).toBeLessThanOrEqual(
      PANEL_WIDTH_PX,
    );
    expect(await faintTexts(page)).toEqual([]);
  });
});

describe("what to do next", () => {
  it.each([
    ["no-notebook", "Open a notebook with the Mobula kernel"],
    ["other-kernel", "«Python 3 (ipykernel)» runs this notebook"],
    ["empty", "Run await init() in a cell"],
    ["lost", "The panel connects again by itself"],
    ["died", "Restart the kernel, then start the cluster again"],
    ["refused", "mobula install"],
  ])("is said in the state «%s», to screen readers too", async (name, text) => {
    const page = await open(STATES[name] as Recording);
    expect(await page.getByRole("status").first().textContent()).toContain(text);
  });
});

describe("the live panel", () => {
  it("tells screen readers how full and how far everything is", async () => {
    const page = await open(STATES["live"] as Recording);
    const memory = page.getByRole("progressbar", { name: "Memory" });
    expect(await memory.getAttribute("aria-valuetext")).toBe("3.6 / 7.8 GiB");
    const simulate = page.getByRole("progressbar", { name: "Progress of simulate" });
    expect(await simulate.getAttribute("aria-valuetext")).toBe("1,210 of 1,692");
    expect(await page.getByRole("listitem").filter({ hasText: "simulate" }).innerText()).toContain(
      "34/s · 14 s left · 3 retries",
    );
  });

  it("shows twelve functions at first and the rest when asked", async () => {
    const page = await open(STATES["live-40-functions"] as Recording);
    expect(await page.getByRole("listitem").count()).toBe(12);
    await page.getByRole("button", { name: "Show 28 more" }).click();
    expect(await page.getByRole("listitem").count()).toBe(40);
  });

  it("brings the cell of a function into view", async () => {
    const page = await open(STATES["live"] as Recording);
    await page.getByRole("button", { name: "Go to cell 9" }).click();
    expect(await page.evaluate(() => window.mobulaReplay.revealed)).toEqual(["cell-9"]);
  });

  it("folds a section away and back with the keyboard", async () => {
    const page = await open(STATES["live"] as Recording);
    const heading = page.getByRole("button", { name: /^Workers/ });
    await heading.focus();
    await page.keyboard.press("Enter");
    expect(await heading.getAttribute("aria-expanded")).toBe("false");
    expect(await page.getByText("running · simulate").count()).toBe(0);
    await page.keyboard.press("Space");
    expect(await page.getByText("running · simulate").count()).toBe(1);
  });

  it("cancels only when asked twice, by keyboard alone, and says that it does", async () => {
    const page = await open(STATES["live"] as Recording);
    const cancel = page.getByRole("button", { name: "Cancel the tasks of simulate" });
    await cancel.focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Escape");
    expect(await cancel.evaluate((button) => button === document.activeElement)).toBe(true);
    await page.keyboard.press("Enter");
    await page.screenshot({ path: fileURLToPath(new URL("live-confirm-light.png", pictures)) });
    await page.keyboard.press("Shift+Tab"); // The focus starts on «Keep».
    expect(await page.evaluate(() => window.mobulaReplay.cancelled)).toEqual([]);
    await page.keyboard.press("Enter");
    expect(await page.evaluate(() => window.mobulaReplay.cancelled)).toEqual([
      { function: "simulate", cellId: "cell-9" },
    ]);
    expect(await page.getByRole("listitem").filter({ hasText: "simulate" }).getByRole("status").innerText()).toBe(
      "Cancelling…",
    );
  });

  it("offers no cancel for functions that are done, nor on a cluster that is gone", async () => {
    const live = await open(STATES["live"] as Recording);
    expect(await live.getByRole("button", { name: /^Cancel the tasks of/ }).count()).toBe(1);
    const lost = await open(STATES["lost"] as Recording);
    expect(await lost.getByRole("button", { name: /^Cancel the tasks of/ }).count()).toBe(0);
  });
});
