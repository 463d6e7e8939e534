import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createSession, SessionExitedError } from "../../../kernel/src/session/client.ts";
import { isRunning } from "../../support/processes.ts";
import { makeCell, Recorder, sleep, until } from "./cells.ts";

const client = new URL("../../../kernel/dist/session/client.js", import.meta.url).href;
let directory: string;
let cells: Recorder;

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "session-life-")));
  cells = new Recorder(createSession({ directory }), directory);
});

afterEach(async () => {
  await cells.session.close();
  rmSync(directory, { recursive: true });
});

/** Starts a child that ignores SIGTERM; its pid is written to `child`. */
const START_CHILD = `
  const { spawn } = require("node:child_process");
  const child = spawn(process.execPath, ["-e", "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"], { stdio: "inherit" });
  require("node:fs").writeFileSync("child", String(child.pid));
  await new Promise((resolve) => setTimeout(resolve, 300));`;

function childPid(): number {
  return Number(readFileSync(join(directory, "child"), "utf8"));
}

describe("close", () => {
  test("ends the process and what its cells started", async () => {
    await cells.session.start();
    await cells.run(START_CHILD);
    const { pid } = await cells.session.usage();
    expect([isRunning(pid), isRunning(childPid())]).toEqual([true, true]);
    await cells.session.close();
    expect([isRunning(pid), isRunning(childPid())]).toEqual([false, false]);
    expect(cells.events.some((event) => event.type === "exited")).toBe(false);
  });

  test("ends a process that spins, and rejects its cell", async () => {
    await cells.session.start();
    const { pid } = await cells.session.usage();
    const running = cells.run("for (;;) {}");
    running.catch(() => {});
    await sleep(100);
    await cells.session.close();
    expect(isRunning(pid)).toBe(false);
    await expect(running).rejects.toMatchObject({ code: "SESSION_EXITED" });
  });

  test("runs the exit handlers of cells", async () => {
    await cells.session.start();
    await cells.run("process.on('exit', () => require('node:fs').writeFileSync('bye', ''))");
    await cells.session.close();
    expect(existsSync(join(directory, "bye"))).toBe(true);
  });

  test("is harmless before start and twice", async () => {
    await cells.session.close();
    await cells.session.start();
    await Promise.all([cells.session.close(), cells.session.close()]);
    await expect(cells.run("return 1")).rejects.toThrow(SessionExitedError);
  });
});

describe("a process that ends by itself", () => {
  test("with process.exit is reported, its children go, and start brings a new one", async () => {
    await cells.session.start();
    await cells.run(START_CHILD);
    await expect(cells.run("console.log('last words'); process.exit(3)")).rejects.toMatchObject({
      code: "SESSION_EXITED",
    });
    await until(() => cells.events.some((event) => event.type === "exited"));
    expect(cells.events.at(-1)).toMatchObject({ type: "exited", code: 3, signal: null });
    expect(cells.printed()["2"]).toBe("last words\n");
    expect(isRunning(childPid())).toBe(false);
    await cells.session.start();
    expect(await cells.value("typeof child")).toBe("'undefined'");
  });

  test("with process.exit after and while a loop prints loses none of it", async () => {
    await cells.session.start();
    const before = cells.events.length;
    const loop = (word: string) => `for (let n = 0; n < 200; n++) console.log("${word}", n);`;
    await expect(
      cells.run(`process.on("exit", () => { ${loop("handler")} }); ${loop("cell")} process.exit(3)`),
    ).rejects.toMatchObject({ code: "SESSION_EXITED" });
    const texts = cells.events.slice(before).flatMap((event) => (event.type === "stream" ? [event.text] : []));
    const lines = ["cell", "handler"].flatMap((word) => Array.from({ length: 200 }, (_, n) => `${word} ${n}\n`));
    expect(stripVTControlCharacters(texts.join(""))).toBe(lines.join(""));
    await cells.session.start();
  });

  test("with a signal is reported with the end of its stderr", async () => {
    await cells.session.start();
    const body =
      "require('node:child_process').execSync('echo native trouble >&2', { stdio: 'inherit' }); process.kill(process.pid, 'SIGKILL')";
    await expect(cells.run(body)).rejects.toThrow("native trouble");
    await until(() => cells.events.at(-1)?.type === "exited");
    expect(cells.events.at(-1)).toMatchObject({ code: null, signal: "SIGKILL", stderrTail: "native trouble\n" });
  });

  test("out of memory is reported", { timeout: 60_000 }, async () => {
    cells = new Recorder(createSession({ directory, env: { NODE_OPTIONS: "--max-old-space-size=60" } }), directory);
    await cells.session.start();
    const body = "const list = []; for (;;) list.push(new Array(1000).fill(Math.random()))";
    await expect(cells.run(body)).rejects.toThrow("ran out of memory");
  });
});

test("start rejects for a directory that is not there", async () => {
  const lost = createSession({ directory: join(directory, "nowhere") });
  await expect(lost.start()).rejects.toMatchObject({ code: "SESSION_EXITED" });
  await lost.close();
});

test.each(["await new Promise(() => {})", "for (;;) {}"])(
  "nothing outlives a kernel that is killed while its cell does: %s",
  async (busy) => {
    const cell = makeCell(directory, { body: `${START_CHILD}\n${busy}` });
    const program = join(directory, "kernel.mjs");
    writeFileSync(
      program,
      `import { createSession } from ${JSON.stringify(client)};
       const session = createSession({ directory: ${JSON.stringify(directory)} });
       await session.start();
       console.log((await session.usage()).pid);
       await session.execute({ execution: { messageId: "m", executionCount: 1 }, cell: ${JSON.stringify(cell)}, allowStdin: false });`,
    );
    const kernel = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "inherit"] });
    let printed = "";
    kernel.stdout.on("data", (chunk: Buffer) => (printed += chunk.toString()));
    await until(() => existsSync(join(directory, "child")) && printed.includes("\n"), 20_000);
    await sleep(200);
    const sessionPid = Number(printed);
    expect([isRunning(sessionPid), isRunning(childPid())]).toEqual([true, true]);
    kernel.kill("SIGKILL");
    await until(() => !isRunning(sessionPid) && !isRunning(childPid()), 5000);
  },
);
