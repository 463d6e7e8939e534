/** A browser that shows the panel from recorded messages, in the themes of JupyterLab. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { build } from "vite";
import type { Recording } from "../../../extensions/jupyterlab/src/replay/recording.ts";

const extension = new URL("../../../extensions/jupyterlab/", import.meta.url);

export type Theme = "light" | "dark" | "dark-high-contrast";

/** Width of the side bar when JupyterLab is opened for the first time. */
export const PANEL_WIDTH_PX = 250;

/** The panel's components as one script. */
export async function bundleReplayPage(): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: "error",
    root: fileURLToPath(extension),
    oxc: { jsx: { runtime: "automatic", development: false } },
    define: { "process.env.NODE_ENV": JSON.stringify("production") },
    build: {
      write: false,
      lib: { entry: fileURLToPath(new URL("src/replay/page.tsx", extension)), formats: ["iife"], name: "replay" },
    },
  });
  const first = Array.isArray(result) ? result[0] : result;
  if (!first || !("output" in first)) throw new Error("The replay page was not bundled.");
  return first.output[0].code;
}

/** A page with the panel in a theme; errors of the page are added to `errors`. */
export async function openReplay(browser: Browser, script: string, theme: Theme, errors: string[]): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: PANEL_WIDTH_PX, height: 900 }, reducedMotion: "reduce" });
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  // JupyterLab gives every element its own box model; the panel must look the same with it.
  await page.setContent(
    `<!doctype html><html lang="en"><head><title>Cluster</title><style>*,*::before,*::after{box-sizing:border-box}body{margin:0}#panel{min-height:100vh}</style></head><body><div id="panel" class="mobula-Sidebar"></div></body></html>`,
  );
  await page.addStyleTag({ content: readFileSync(new URL(`themes/${theme}.css`, import.meta.url), "utf8") });
  await page.addStyleTag({ content: readFileSync(new URL("style/base.css", extension), "utf8") });
  await page.addScriptTag({ content: script });
  return page;
}

export async function show(page: Page, recording: Recording): Promise<void> {
  await page.evaluate((shown) => window.mobulaReplay.show(shown), recording);
  await page.waitForSelector(".mobula-Panel");
}

/** Texts that are hard to read: contrast below 4.5 against what lies behind them. Faded parts are left out. */
export function faintTexts(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    type Colour = readonly [number, number, number, number];
    // oxlint-disable-next-line unicorn/consistent-function-scoping -- this function runs in the page, alone
    const parse = (css: string): Colour => {
      const [r = 0, g = 0, b = 0, a = 1] = (css.match(/[\d.]+/g) ?? []).map(Number);
      return [r, g, b, a];
    };
    const over = (top: Colour, below: Colour): Colour => {
      const mix = (index: 0 | 1 | 2) => top[index] * top[3] + below[index] * (1 - top[3]);
      return [mix(0), mix(1), mix(2), 1];
    };
    const luminance = ([r, g, b]: Colour) => {
      const linear = [r, g, b].map((value) => {
        const share = value / 255;
        return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * (linear[0] ?? 0) + 0.7152 * (linear[1] ?? 0) + 0.0722 * (linear[2] ?? 0);
    };
    const backgroundOf = (element: Element | null): Colour => {
      if (!element) return [255, 255, 255, 1];
      const own = parse(getComputedStyle(element).backgroundColor);
      return own[3] === 1 ? own : over(own, backgroundOf(element.parentElement));
    };
    return [...document.querySelectorAll(".mobula-Panel *")]
      .filter((element) =>
        [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent?.trim()),
      )
      .filter((element) => !element.closest(".mobula-isStale"))
      .flatMap((element) => {
        const background = backgroundOf(element);
        const text = over(parse(getComputedStyle(element).color), background);
        const [low, high] = [luminance(text), luminance(background)].sort((a, b) => a - b) as [number, number];
        const contrast = (high + 0.05) / (low + 0.05);
        return contrast < 4.5 ? [`${element.textContent?.trim()}: ${contrast.toFixed(2)}`] : [];
      });
  });
}
