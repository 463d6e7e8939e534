import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { kernelIsIdle, ROOT, startBrowser } from "../support/jupyterlab.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "mobula-set-up-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe("set-up without what it needs says so in one sentence", () => {
  const setUpPython = (env: NodeJS.ProcessEnv) =>
    spawnSync(
      process.execPath,
      [
        "--input-type=module",
        "--eval",
        'const { runScript } = await import("./scripts/lib/steps.mjs"); const { setUpPython } = await import("./scripts/lib/python.mjs"); await runScript(() => setUpPython(["lab"]));',
      ],
      { cwd: ROOT, env, encoding: "utf8" },
    );

  test("no Python", () => {
    const { status, stderr } = setUpPython({ PATH: home });
    expect(status).toBe(1);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stderr).toMatch(/No Python found.*apt-get install python3 python3-venv.*PYTHON=/);
  });

  test("a Python that is too old", () => {
    const old = join(home, "python3");
    writeFileSync(old, "#!/bin/sh\necho 3.8\n");
    chmodSync(old, 0o755);
    const { status, stderr } = setUpPython({ PATH: home });
    expect({ status, lines: stderr.trim().split("\n").length }).toEqual({ status: 1, lines: 1 });
    expect(stderr).toMatch(/needs Python 3.10 or newer, and only 3.8 was found/);
  });

  test("a port that is in use", async () => {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const { status, stderr } = spawnSync(
      process.execPath,
      ["runtime/dist/cli/main.js", "lab", "--no-browser", "--port", String(port), "notebooks/tour.ipynb"],
      { cwd: ROOT, encoding: "utf8", timeout: 60_000 },
    );
    server.close();
    expect(status).toBe(2);
    expect(stderr.trim()).toMatch(new RegExp(`${port}`));
    expect(stderr.trim().split("\n").length).toBeLessThanOrEqual(2);
  });

  test("an option that the kernel does not know", () => {
    const { status, stderr } = spawnSync(process.execPath, ["kernel/dist/main.js", "--conection-file", "x"], {
      cwd: ROOT,
      encoding: "utf8",
    });
    expect(status).toBe(2);
    expect(stderr).toMatch(/--conection-file/);
  });
});

describe("npm start", () => {
  let browser: Browser | undefined;
  let child: ChildProcess;
  afterAll(async () => {
    await browser?.close();
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined)
      process.kill(-child.pid, "SIGTERM");
  });

  test("opens JupyterLab on the tour with kernel and panel, and Ctrl-C leaves no process", async () => {
    const started = performance.now();
    // A group of its own stands for the terminal, which sends Ctrl-C to every process of it.
    child = spawn("npm", ["start", "--", "--no-browser"], {
      cwd: ROOT,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        JUPYTER_CONFIG_DIR: join(home, "config"),
        JUPYTERLAB_WORKSPACES_DIR: join(home, "workspaces"),
      },
    });
    const url = await printedUrl(child);
    // The second start skips what is done.
    expect(performance.now() - started).toBeLessThan(15_000);

    browser = await startBrowser();
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    await page.goto(url);
    await page.locator(".jp-Notebook h1", { hasText: "A tour of Mobula" }).waitFor({ timeout: 60_000 });
    await kernelIsIdle(page);
    await page.locator("#mobula-cluster").getByText("No cluster yet").waitFor({ timeout: 15_000 });
    const group = processesOfGroup(child.pid ?? 0);
    expect(group.length).toBeGreaterThan(1);

    const ended = new Promise((done) => child.once("close", done));
    process.kill(-(child.pid ?? 0), "SIGINT");
    await ended;
    const deadline = Date.now() + 5_000;
    const left = (): string[] =>
      commandLines().filter((line) => /jupyter-lab|kernel\/dist\/main\.js/.test(line) && line.includes(ROOT));
    while (left().length > 0 && Date.now() < deadline) await sleep(100);
    expect(left()).toEqual([]);
  });
});

async function printedUrl(child: ChildProcess): Promise<string> {
  let text = "";
  return await new Promise((resolve, reject) => {
    const onData = (chunk: Buffer): void => {
      text += chunk;
      const url = /https?:\/\/\S+\/lab\S*/.exec(text)?.[0];
      if (url !== undefined) resolve(url);
    };
    child.stdout?.on("data", onData);
    child.stderr?.on("data", onData);
    child.once("close", () => reject(new Error(`npm start ended:\n${text}`)));
  });
}

function processesOfGroup(group: number): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return (
        readFileSync(`/proc/${pid}/stat`, "latin1")
          .replace(/^.*\) /s, "")
          .split(" ")[2] === String(group)
      );
    } catch {
      return false;
    }
  });
}

function commandLines(): string[] {
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      } catch {
        return "";
      }
    });
}
