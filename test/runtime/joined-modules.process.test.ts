import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import ts from "typescript";
import { afterAll, beforeAll, expect, it } from "vitest";

/** What the build does after the compiler; see scripts/lib/bundle.mjs. */
interface Joining {
  isBundled(dist: string): boolean;
  bundleRuntime(dist: string): Promise<void>;
}

const ROOT = resolve(import.meta.dirname, "..", "..");
const SOURCES = join(ROOT, "runtime", "src");
/** Modules that do nothing when they are imported. */
const QUIET =
  /^(api|closure|core|errors|index|internal|protocol|store\/(?!copy-thread)|engine\/(engine|local\/(?!control-thread)))/;

let folder: string;
let dist: string;
let joining: Joining;
let namesBefore: string;

beforeAll(async () => {
  mkdirSync(join(ROOT, "test-output"), { recursive: true });
  folder = mkdtempSync(join(ROOT, "test-output", "joined-"));
  dist = join(folder, "runtime", "dist");
  joining = (await import(pathToFileURL(join(ROOT, "scripts", "lib", "bundle.mjs")).href)) as Joining;
  compileTo(dist);
  writeFileSync(join(dist, ".tsbuildinfo"), "");
  namesBefore = exportedNames();
  await joining.bundleRuntime(dist);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The sources as the compiler writes them, without looking at types. */
function compileTo(target: string): void {
  const compilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
    rewriteRelativeImportExtensions: true,
    sourceMap: true,
  };
  for (const path of readdirSync(SOURCES, { recursive: true, encoding: "utf8" })) {
    if (!path.endsWith(".ts")) continue;
    const source = readFileSync(join(SOURCES, path), "utf8");
    const { outputText, sourceMapText = "" } = ts.transpileModule(source, { compilerOptions, fileName: path });
    const file = join(target, path.replace(/\.ts$/, ".js"));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, outputText);
    writeFileSync(`${file}.map`, sourceMapText);
  }
}

/** What a program that lies beside `dist` prints. */
function run(program: string): string {
  const file = join(folder, "program.mjs");
  writeFileSync(file, program);
  const { stdout, stderr, status } = spawnSync(process.execPath, [file], { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout.trim();
}

function exportedNames(): string {
  const paths = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".js"));
  const quiet = paths.filter((path) => QUIET.test(path)).sort();
  expect(quiet.length).toBeGreaterThan(100);
  return run(`for (const path of ${JSON.stringify(quiet)})
    console.log(path, Object.keys(await import("./runtime/dist/" + path)).sort().join(" "));`);
}

it("every module exports what it did, from one of a few files", () => {
  expect(joining.isBundled(dist)).toBe(true);
  expect(exportedNames()).toBe(namesBefore);
  expect(readdirSync(join(dist, "chunks")).filter((name) => name.endsWith(".js")).length).toBeLessThan(20);
  expect(readFileSync(join(dist, "protocol", "codec.js"), "utf8")).toContain('from "../chunks/');
});

it("after the compiler's next run they count as single files again", () => {
  expect(existsSync(join(dist, ".tsbuildinfo"))).toBe(false);
  writeFileSync(join(dist, ".tsbuildinfo"), "");
  expect(joining.isBundled(dist)).toBe(false);
  rmSync(join(dist, ".tsbuildinfo"));
});

it("tasks, queues and errors are what they are without it", () => {
  const printed = run(`import { init, Queue, shutdown, task, TaskFailedError } from "./runtime/dist/index.js";
    await init({ cpus: 1 });
    const queue = new Queue();
    const put = task(async (value) => await queue.put(value), { name: "put" });
    await put(41);
    console.log(await queue.get());
    const failing = task(() => { throw new RangeError("too far"); }, { name: "failing" });
    const error = await failing().then(() => undefined, (thrown) => thrown);
    console.log(error instanceof TaskFailedError, error.code, error.cause.name);
    const text = String(error.stack) + String(error.cause.stack);
    console.log(text.includes("program.mjs"), text.includes("chunks"));
    await shutdown();`);
  expect(printed.split("\n")).toEqual(["41", "true TASK_FAILED RangeError", "true false"]);
});
