import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { Language } from "../../../kernel/src/language/language.ts";

/** What the set-up does; see scripts/lib/language-snapshot.mjs. */
interface Making {
  makeLanguageSnapshot(kernel: string): Promise<void>;
  hasLanguageSnapshot(kernel: string): Promise<boolean>;
  snapshotPath(kernel: string): string;
}
interface Client {
  startLanguage(options: { directory: string }): Language;
}

const ROOT = resolve(import.meta.dirname, "../../..");
const CHECK = { code: "const n: string = [1][0]", check: "error" } as const;
const REFUSED = "Type 'number' is not assignable to type 'string'.";

describe.skipIf(process.platform === "win32")("a language that starts from a snapshot", () => {
  let folder: string;
  let kernel: string;
  let making: Making;
  let client: Client;
  let snapshot: string;
  let language: Language | undefined;
  beforeAll(async () => {
    mkdirSync(join(ROOT, "test-output"), { recursive: true });
    folder = mkdtempSync(join(ROOT, "test-output", "snapshot-"));
    kernel = join(folder, "kernel");
    // Where its packages are found by the same way up.
    cpSync(join(ROOT, "kernel", "dist"), join(kernel, "dist"), {
      recursive: true,
      filter: (path) => !path.endsWith("snapshot"),
    });
    for (const path of ["package.json", "resources"])
      cpSync(join(ROOT, "kernel", path), join(kernel, path), { recursive: true });
    making = (await import(pathToFileURL(join(ROOT, "scripts/lib/language-snapshot.mjs")).href)) as Making;
    client = (await import(pathToFileURL(join(kernel, "dist/language/client.js")).href)) as Client;
    snapshot = making.snapshotPath(kernel);
    expect(await making.hasLanguageSnapshot(kernel)).toBe(false);
    await making.makeLanguageSnapshot(kernel);
  }, 120_000);
  afterEach(() => language?.close());
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function start(): Language {
    language = client.startLanguage({ directory: folder });
    return language;
  }
  /** Processes of languages below this one. */
  function processes(parent = process.pid): number[] {
    const { stdout } = spawnSync("ps", ["-A", "-o", "pid=,ppid=,args="], { encoding: "utf8" });
    const rows = stdout.split("\n").map((line) => line.trim().split(/\s+/));
    const isLanguage = (args: readonly string[]) => args.join(" ").startsWith("mobula language");
    return rows.flatMap(([pid, ppid, ...args]) => (Number(ppid) === parent && isLanguage(args) ? [Number(pid)] : []));
  }

  test("is a process that checks, remembers and answers, and ends when it is closed", async () => {
    expect(await making.hasLanguageSnapshot(kernel)).toBe(true);
    const begun = start();
    const refused = await begun.compile(CHECK);
    expect(refused.diagnostics.map(({ message }) => message)).toEqual([REFUSED]);
    // What V8 lacks while the snapshot is made.
    const { diagnostics } = await begun.compile({
      code: "Atomics.waitAsync; new SharedArrayBuffer(8)",
      check: "error",
    });
    expect(diagnostics).toEqual([]);
    const { cell } = await begun.compile({
      code: "import { join } from 'node:path'\nconst words = [join('a', 'b')]",
      check: "error",
    });
    expect(cell?.fileName).toBe(join(folder, ".cell-2.ts"));
    begun.commit(cell?.version ?? 0, ["join", "words"]);
    expect((await begun.complete({ code: "words.len", offset: 9 })).items.map(({ text }) => text)).toEqual(["length"]);
    expect((await begun.inspect({ code: "words", offset: 2 }))?.text).toBe("const words: string[]");
    expect(processes()).toHaveLength(1);
    await begun.close();
    expect(processes()).toEqual([]);
  });

  test("reads the project's settings and files", async () => {
    writeFileSync(join(folder, "tsconfig.json"), '{ "compilerOptions": { "noUncheckedIndexedAccess": true } }');
    writeFileSync(join(folder, "helper.ts"), "export const helper = [1];");
    try {
      const code = "import { helper } from './helper.ts'\nconst n: number = helper[0]";
      const { diagnostics } = await start().compile({ code, check: "error" });
      expect(diagnostics.map(({ message }) => message.split("\n")[0])).toEqual([
        "Type 'number | undefined' is not assignable to type 'number'.",
      ]);
    } finally {
      rmSync(join(folder, "tsconfig.json"));
    }
  });

  test("that is killed rejects what waits for it and what comes later", async () => {
    const killed = start();
    await killed.isComplete("1");
    const waiting = expect(killed.compile(CHECK)).rejects.toMatchObject({ code: "LANGUAGE_THREAD_ENDED" });
    for (const pid of processes()) process.kill(pid, "SIGKILL");
    await Promise.race([waiting, killed.compile(CHECK).catch(() => {})]);
    await expect(killed.isComplete("1")).rejects.toMatchObject({ code: "LANGUAGE_THREAD_ENDED" });
  });

  test("ends with the process that started it, killed while the language hears nothing", async () => {
    const program = `const { startLanguage } = await import(${JSON.stringify(pathToFileURL(join(kernel, "dist/language/client.js")).href)});
      const language = startLanguage({ directory: ${JSON.stringify(folder)} });
      await language.isComplete("1");
      console.log("started");`;
    const starter = spawn(process.execPath, ["--input-type=module", "--eval", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await output(starter, "started");
    const started = processes(starter.pid);
    expect(started).toHaveLength(1);
    // A stopped process notices as little as a busy one.
    for (const pid of started) process.kill(pid, "SIGSTOP");
    starter.kill("SIGKILL");
    await vi.waitFor(() => expect(started.filter(isRunning)).toEqual([]), { timeout: 20_000, interval: 50 });
  });

  test("that cannot start is a thread", async () => {
    const whole = readFileSync(snapshot);
    writeFileSync(snapshot, "not a snapshot");
    try {
      const thread = start();
      const { diagnostics } = await thread.compile(CHECK);
      expect(diagnostics.map(({ message }) => message)).toEqual([REFUSED]);
      expect(processes()).toEqual([]);
    } finally {
      writeFileSync(snapshot, whole);
    }
  });

  test("uses no snapshot of other code, and none without the memory that the user gave", async () => {
    vi.stubEnv("NODE_OPTIONS", "--max-old-space-size=4096");
    expect(await making.hasLanguageSnapshot(kernel)).toBe(false);
    vi.unstubAllEnvs();
    expect(await making.hasLanguageSnapshot(kernel)).toBe(true);
    const module = join(kernel, "dist/language/hover.js");
    utimesSync(module, new Date(), new Date(Date.now() + 5000));
    expect(await making.hasLanguageSnapshot(kernel)).toBe(false);
    rmSync(module);
    expect(await making.hasLanguageSnapshot(kernel)).toBe(false);
    expect(existsSync(snapshot)).toBe(true);
  });
});

function output(child: ChildProcess, text: string): Promise<void> {
  return new Promise((resolved, reject) => {
    let all = "";
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      all += chunk;
      if (all.includes(text)) resolved();
    });
    child.once("exit", () => reject(new Error(`It ended before it said '${text}'.`)));
  });
}

/** A zombie has ended: only its parent has not heard of it. */
function isRunning(pid: number): boolean {
  const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" });
  return stdout.trim() !== "" && !stdout.trim().startsWith("Z");
}
