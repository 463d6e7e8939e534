/** A real JupyterLab of the project's Python environment, and a real Chromium that looks at it. */
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Browser, chromium, type Page } from "playwright-core";
import { makeJupyterHome, OUTPUT, program, ROOT } from "./jupyter-home.ts";

export { OUTPUT, ROOT } from "./jupyter-home.ts";

const CHROMIUM = process.env["CHROMIUM"] || "/usr/bin/chromium";
const CHROMIUM_ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export interface JupyterLab {
  readonly url: string;
  readonly token: string;
  /** Folder that JupyterLab shows; inside the repository, so that notebooks find its packages. */
  readonly folder: string;
  close(): Promise<void>;
}

/** The front ends that share JupyterLab's parts, and the class that takes their options. */
const APPLICATIONS = { lab: "LabApp", notebook: "JupyterNotebookApp" } as const;

/** Start JupyterLab, or Notebook 7, on a free port, with configuration, workspaces and runtime files of its own. */
export async function startJupyterLab(
  notebooks: readonly string[],
  application: keyof typeof APPLICATIONS = "lab",
): Promise<JupyterLab> {
  const { folder: home, env, remove } = await makeJupyterHome(`${application}-`);
  const folder = join(home, "notebooks");
  mkdirSync(folder);
  for (const notebook of notebooks) cpSync(join(ROOT, notebook), join(folder, notebook.split("/").at(-1) ?? notebook));
  // Cells out of sight stay in the page, so that a test can read them.
  const tracker = join(home, "settings/@jupyterlab/notebook-extension/tracker.jupyterlab-settings");
  mkdirSync(dirname(tracker), { recursive: true });
  writeFileSync(tracker, JSON.stringify({ windowingMode: "defer" }));
  const port = await freePort();
  const token = "test-token";
  const options = [
    "--no-browser",
    "--allow-root",
    `--IdentityProvider.token=${token}`,
    `--ServerApp.port=${port}`,
    "--ServerApp.port_retries=0",
    `--ServerApp.root_dir=${folder}`,
    `--${APPLICATIONS[application]}.workspaces_dir=${join(home, "workspaces")}`,
    `--${APPLICATIONS[application]}.user_settings_dir=${join(home, "settings")}`,
  ];
  const child = spawn(program("jupyter"), [application, ...options], { env, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stdout.on("data", (chunk) => (log += chunk));
  child.stderr.on("data", (chunk) => (log += chunk));
  const url = `http://127.0.0.1:${port}`;
  await answers(`${url}/api?token=${token}`, child, () => log);
  return {
    url,
    token,
    folder,
    async close() {
      await stop(child);
      remove();
    },
  };
}

export async function startBrowser(): Promise<Browser> {
  if (!existsSync(CHROMIUM)) throw new Error(`No Chromium at ${CHROMIUM}; install it, or name one in CHROMIUM.`);
  return await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGUMENTS });
}

/** Open an address in a fresh browser context. */
export async function openPage(browser: Browser, url: string): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  await page.goto(url);
  return page;
}

/** Open a notebook in a fresh browser context and wait until its kernel is idle and the panel is there. */
export async function openNotebook(browser: Browser, lab: JupyterLab, notebook: string): Promise<Page> {
  const page = await openPage(browser, `${lab.url}/lab/tree/${encodeURIComponent(notebook)}?token=${lab.token}&reset`);
  await page.locator(".jp-Notebook .jp-Cell").first().waitFor({ timeout: 60_000 });
  const news = page.getByRole("button", { name: "No", exact: true });
  if (await news.isVisible().catch(() => false)) await news.click();
  await kernelIsIdle(page);
  // It opens by itself beside the first notebook, which has the focus then; JupyterLab takes it from a cell that is clicked before.
  await page.locator("#mobula-cluster").waitFor({ timeout: 30_000 });
  return page;
}

export async function kernelIsIdle(page: Page, timeoutMs = 60_000): Promise<void> {
  await page
    .locator('.jp-NotebookPanel .jp-Notebook-ExecutionIndicator[data-status="idle"]')
    .first()
    .waitFor({ timeout: timeoutMs });
}

/** Choose an entry of the main menu, as a person does: `menu(page, "Run", "Run All Cells")`. */
export async function menu(page: Page, ...names: readonly string[]): Promise<void> {
  const [top, ...entries] = names;
  await page.locator(".lm-MenuBar-itemLabel", { hasText: new RegExp(`^${top}$`) }).click();
  for (const name of entries)
    await page
      .locator(".lm-Menu-itemLabel", { hasText: new RegExp(`^${name}$`) })
      .first()
      .click();
}

export async function setTheme(page: Page, theme: "Light" | "Dark"): Promise<void> {
  await menu(page, "Settings", "Theme", `JupyterLab ${theme}`);
  await page.locator(`body[data-jp-theme-light="${theme === "Light"}"]`).waitFor({ state: "attached" });
  await sleep(500);
}

export async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync(OUTPUT, { recursive: true });
  await page.screenshot({ path: join(OUTPUT, `${name}.png`) });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}

async function answers(url: string, child: ChildProcess, log: () => string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`JupyterLab ended with code ${child.exitCode}:\n${log()}`);
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return;
    await sleep(200);
  }
  throw new Error(`JupyterLab did not answer within a minute:\n${log()}`);
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = new Promise((done) => child.once("close", done));
  if (child.exitCode !== null) return;
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 15_000);
  await ended;
  clearTimeout(timer);
}
