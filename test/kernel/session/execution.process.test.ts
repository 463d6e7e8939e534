import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSession } from "../../../kernel/src/session/client.ts";
import { makeCell, named, Recorder, sleep, until } from "./cells.ts";

let directory: string;
let cells: Recorder;

beforeAll(async () => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "session test-")));
  cells = new Recorder(createSession({ directory, env: { GREETING: "hello" } }), directory);
  await cells.session.start();
});

afterAll(async () => {
  await cells.session.close();
  rmSync(directory, { recursive: true });
});

/** The traceback of a cell that fails, without colours. */
async function traceback(parts: Parameters<Recorder["run"]>[0]): Promise<string> {
  const outcome = await cells.run(parts);
  if (outcome.status !== "error") throw new Error("the cell succeeded");
  return stripVTControlCharacters(outcome.error.traceback.join("\n"));
}

describe("names", () => {
  test("a name assigned in one cell is there in the next", async () => {
    expect(await cells.run({ names: ["x"], body: "x = await Promise.resolve(41)" })).toEqual({
      status: "ok",
      assigned: ["x"],
    });
    expect(await cells.value("x + 1")).toBe("42");
  });

  test("using a name before its value is an error that names it", async () => {
    const outcome = await cells.run({ names: ["early"], body: "print = early\nearly = 1" });
    expect(outcome).toMatchObject({
      assigned: [],
      error: { ename: "ReferenceError", evalue: "Cannot access 'early' before initialization" },
    });
    expect(await cells.value("typeof early")).toBe("'undefined'");
  });

  test("a cell that throws keeps what it assigned and restores the rest", async () => {
    await cells.run({ names: ["kept", "restored"], body: "kept = 1; restored = 'old'" });
    const outcome = await cells.run({
      names: ["kept", "restored"],
      body: "kept = 2; throw new Error('half-way'); restored = 'new'",
    });
    expect(outcome.assigned).toEqual(["kept"]);
    expect(await cells.value("[kept, restored]")).toBe("[ 2, 'old' ]");
  });

  test("functions are hoisted, can be redefined as anything, and can be deleted", async () => {
    const first = await cells.run({ names: ["function twice"], hoisted: "function twice(n) { return 2 * n }" });
    expect(first.assigned).toEqual(["twice"]);
    expect(await cells.value("twice(4)")).toBe("8");
    await cells.run({ names: ["const twice"], body: "twice = 'a text now'" });
    expect(await cells.value("twice")).toBe("'a text now'");
    cells.session.deleteGlobals(["twice"]);
    expect(await cells.value("typeof twice")).toBe("'undefined'");
  });

  test("names of an earlier version of the cell are gone when it runs again", async () => {
    await cells.run({ names: ["oldName"], body: "oldName = 1" });
    await cells.runCell({ ...makeCell(directory, { body: "" }), obsoleteGlobals: ["oldName"] });
    expect(await cells.value("typeof oldName")).toBe("'undefined'");
  });

  test("a function sees the newest value of a name", async () => {
    await cells.run({
      names: ["base", "function addBase"],
      hoisted: "function addBase(n) { return n + base }",
      body: "base = 1",
    });
    await cells.run({ names: ["base"], body: "base = 10" });
    expect(await cells.value("addBase(1)")).toBe("11");
  });

  test("a var that no statement reached is undefined", async () => {
    const outcome = await cells.run({ names: ["var maybe"], body: "if (false) maybe = 1" });
    expect(outcome.assigned).toEqual(["maybe"]);
    expect(await cells.value("maybe")).toBeUndefined();
  });

  test("user expressions answer beside the result, each on its own", async () => {
    const cell = makeCell(directory, { body: "return 1" });
    const good = makeCell(directory, { body: "return 6 * 7" });
    const bad = makeCell(directory, { body: "return missing.thing" });
    const { userExpressions } = await cells.runCell(cell, { good, bad });
    expect(userExpressions).toMatchObject({
      good: { data: { "text/plain": "42" } },
      bad: { error: { ename: "ReferenceError" } },
    });
  });
});

describe("imports", () => {
  test("packages, node modules, CommonJS and JSON", async () => {
    writeFileSync(join(directory, "common.cjs"), "const key = 'late'; module.exports = { [key]: 5, plain: 6 };");
    writeFileSync(join(directory, "data.json"), '{ "rows": [1, 2] }');
    const outcome = await cells.run({
      imports: [
        named("node:path", "basename"),
        named("./common.cjs", "late", "plain"),
        { specifier: "./data.json", line: 2, bindings: [{ imported: "default", local: "data" }] },
        { specifier: "node:os", line: 3, bindings: [{ imported: "*", local: "os" }] },
      ],
      body: "return [basename('/a/b'), late, plain, data, typeof os.cpus]",
    });
    expect(outcome).toMatchObject({ status: "ok", assigned: ["basename", "late", "plain", "data", "os"] });
    expect(outcome.status === "ok" && outcome.result?.data["text/plain"]).toBe(
      "[ 'b', 5, 6, { rows: [ 1, 2 ] }, 'function' ]",
    );
  });

  test("a package the notebook does not have comes from the kernel's installation", async () => {
    const outcome = await cells.run({
      imports: [named("ts-blank-space", "blankSourceFile")],
      body: "return typeof blankSourceFile",
    });
    expect(outcome).toMatchObject({ result: { data: { "text/plain": "'function'" } } });
  });

  test("a missing export names the module, the export and what exists", async () => {
    writeFileSync(join(directory, "two.mjs"), "export const a = 1; export const b = 2;");
    const outcome = await cells.run({ imports: [named("./two.mjs", "c")], names: ["behind"], body: "behind = 1" });
    expect(outcome).toMatchObject({
      assigned: [],
      error: { ename: "ImportError", evalue: "Module './two.mjs' has no export 'c'. It exports: a, b." },
    });
  });

  test("a missing package says how to get it, and points at the import", async () => {
    const source = "// first\nimport x from '@scope/nowhere/sub'";
    const cell = makeCell(directory, { imports: [{ ...named("@scope/nowhere/sub", "x"), line: 1 }] });
    const outcome = await cells.runCell({ ...cell, source });
    if (outcome.status !== "error") throw new Error("the import succeeded");
    expect(outcome.error.evalue).toContain("npm install @scope/nowhere");
    expect(stripVTControlCharacters(outcome.error.traceback.join("\n"))).toContain("> 2 | import x from");
  });

  test("TypeScript files, without extension and from each other, in their newest version", async () => {
    writeFileSync(join(directory, "inner.ts"), "export const unit: string = 'm';");
    writeFileSync(
      join(directory, "outer.ts"),
      "import { unit } from './inner';\nenum Size { Small = 1 }\nexport function show(n: number): string { return `${n} ${unit}${Size.Small}`; }",
    );
    const load = { imports: [named("./outer", "show")], body: "return show(3)" };
    expect(await cells.run(load)).toMatchObject({ result: { data: { "text/plain": "'3 m1'" } } });
    expect(
      await cells.run({ ...load, body: "const first = globalThis.shown; globalThis.shown = show; return first" }),
    ).toMatchObject({ status: "ok" });
    expect(await cells.run({ ...load, body: "return shown === show" })).toMatchObject({
      result: { data: { "text/plain": "true" } },
    });
    writeFileSync(join(directory, "inner.ts"), "export const unit: string = 'km';");
    expect(await cells.run(load)).toMatchObject({ result: { data: { "text/plain": "'3 km1'" } } });
  });

  test("what the paths of the project's tsconfig.json mean, in cells and in files of the project", async () => {
    mkdirSync(join(directory, "mapped"));
    const paths = { "~/*": ["./mapped/*"], settings: ["./mapped/settings.ts"] };
    writeFileSync(join(directory, "tsconfig.json"), JSON.stringify({ compilerOptions: { paths } }));
    writeFileSync(join(directory, "mapped/settings.ts"), "export const size: number = 3;");
    writeFileSync(
      join(directory, "mapped/shape.ts"),
      'import { size } from "settings";\nimport { join } from "node:path";\nexport const area = (): string => join("a", String(size));',
    );
    const load = { imports: [named("~/shape", "area"), named("settings", "size")], body: "return [area(), size]" };
    expect(await cells.run(load)).toMatchObject({ result: { data: { "text/plain": "[ 'a/3', 3 ]" } } });
    writeFileSync(join(directory, "mapped/settings.ts"), "export const size: number = 40;");
    expect(await cells.run(load)).toMatchObject({ result: { data: { "text/plain": "[ 'a/40', 40 ]" } } });
    expect(await cells.value("(await import('~/shape')).area()")).toBe("'a/40'");
    expect(await cells.run({ imports: [named("~/missing", "x")] })).toMatchObject({ status: "error" });
    rmSync(join(directory, "tsconfig.json"));
    expect(await cells.run({ imports: [named("~/shape", "area")] })).toMatchObject({ status: "error" });
  });

  test("import() and import.meta work inside the body and inside functions", async () => {
    writeFileSync(join(directory, "lazy.ts"), "export const value = 7 as number;");
    await cells.run({ names: ["function loadLazy"], hoisted: "function loadLazy() { return import('./lazy.ts') }" });
    expect(await cells.value("[(await loadLazy()).value, (await import('./lazy.ts')).value]")).toBe("[ 7, 7 ]");
    expect(await cells.value(`$importMeta.dirname === process.cwd() && process.cwd() === '${directory}'`)).toBe("true");
    expect(await cells.value("process.env.GREETING")).toBe("'hello'");
  });

  test("import.meta.resolve starts at the notebook's directory", async () => {
    writeFileSync(join(directory, "beside.ts"), "export {};");
    const url = pathToFileURL(join(directory, "beside.ts")).href;
    expect(await cells.value("$importMeta.resolve('./beside.ts')")).toBe(`'${url}'`);
    expect(await cells.value("$importMeta.resolve('node:fs')")).toBe("'node:fs'");
    const missing = await cells.run("$importMeta.resolve('no-such-package')");
    expect(missing).toMatchObject({ status: "error", error: { evalue: expect.stringContaining("no-such-package") } });
  });
});

test("nothing is printed that no cell has printed", () => {
  expect(cells.events.filter((event) => event.type === "stream")).toEqual([]);
});

describe("output", () => {
  test("appears while the cell spins", async () => {
    const running = cells.run("console.log('now'); const end = Date.now() + 1500; while (Date.now() < end);");
    const startMs = Date.now();
    await until(() => Object.values(cells.printed()).some((text) => text.includes("now\n")), 1000);
    expect(Date.now() - startMs).toBeLessThan(1000);
    await running;
  });

  test("of a loop appears while the cell spins, and while it waits outside of JavaScript", async () => {
    const lines = Array.from({ length: 999 }, (_, line) => `line ${line}\n`).join("");
    const print = "for (let line = 0; line < 999; line++) console.log('line ' + line);";
    const nap = "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);";
    for (const wait of ["const end = Date.now() + 1500; while (Date.now() < end);", nap]) {
      const before = new Set(Object.keys(cells.printed()));
      let hasEnded = false;
      const running = cells.run(`${print} ${wait}`).then(() => {
        hasEnded = true;
      });
      await until(() => Object.entries(cells.printed()).some(([key, text]) => !before.has(key) && text === lines));
      expect(hasEnded).toBe(false);
      await running;
    }
  });

  test("of loops on both streams, with displays between, keeps its order", async () => {
    const before = cells.events.length;
    await cells.run(`for (let n = 0; n < 300; n++) {
      console.log('ä€𝒳', n);
      if (n % 3 === 0) console.error('error', n);
      if (n % 50 === 0) await display({ [Symbol.for('Jupyter.display')]: () => ({ 'text/plain': 'display ' + n }) });
      if (n % 100 === 99) process.stdout.write(String(n).repeat(30_000) + '\\n');
    }`);
    const shown = cells.events.slice(before).flatMap((event) => {
      if (event.type === "stream") return stripVTControlCharacters(event.text).trimEnd().split("\n");
      return event.type === "display" ? [String(event.data["text/plain"])] : [];
    });
    const expected = Array.from({ length: 300 }, (_, n) => [
      `ä€𝒳 ${n}`,
      ...(n % 3 === 0 ? [`error ${n}`] : []),
      ...(n % 50 === 0 ? [`display ${n}`] : []),
      ...(n % 100 === 99 ? [String(n).repeat(30_000)] : []),
    ]).flat();
    expect(shown).toEqual(expected);
  });

  test("of a timer belongs to the cell that started it", async () => {
    const before = cells.events.length;
    await cells.run("setTimeout(() => console.log('late one'), 120)");
    await cells.run("await new Promise((r) => setTimeout(r, 300)); console.error('from the second')");
    const streams = cells.events.slice(before).filter((event) => event.type === "stream");
    const [late, second] = [
      streams.find((e) => e.text.includes("late")),
      streams.find((e) => e.text.includes("second")),
    ];
    expect((second?.execution?.executionCount ?? 0) - (late?.execution?.executionCount ?? 0)).toBe(1);
    expect([late?.name, second?.name]).toEqual(["stdout", "stderr"]);
  });

  test("of a child process arrives before the cell ends", async () => {
    const before = cells.events.length;
    const cell = {
      imports: [named("node:child_process", "execSync")],
      body: "execSync('echo from a child', { stdio: 'inherit' })",
    };
    await cells.run(cell);
    const texts = cells.events.slice(before).flatMap((event) => (event.type === "stream" ? event.text : []));
    expect(texts.join("")).toBe("from a child\n");
  });

  test("console colours objects and leaves texts alone", async () => {
    const before = cells.events.length;
    await cells.run("console.log('plain', { n: 1 })");
    const [event] = cells.events.slice(before);
    expect(event).toMatchObject({ text: "plain { n: \u001b[33m1\u001b[39m }\n" });
  });

  test("of bytes and encoded text is text", async () => {
    const before = cells.events.length;
    await cells.run(
      "const b = Buffer.from('é!'); process.stdout.write(b.subarray(0, 1)); process.stdout.write(b.subarray(1)); process.stdout.write('C3A9', 'hex')",
    );
    const texts = cells.events.slice(before).flatMap((event) => (event.type === "stream" ? event.text : []));
    expect(texts.join("")).toBe("é!é");
  });

  test("a result that cannot be sent is an error of the cell", async () => {
    const body =
      "return { [Symbol.for('Jupyter.display')]: () => ({ 'application/x': { toJSON() { throw new Error('no JSON') } } }) }";
    expect(await cells.run(body)).toMatchObject({ status: "error", error: { evalue: "no JSON" } });
  });

  test("display, update by id, and clear reach the cell, in order and before its end", async () => {
    const before = cells.events.length;
    await cells.run(
      "display(plotly({ data: [{ type: 'bar', x: ['a'], y: [1] }] })); display(html`<b>${'<'}</b>`, { id: 'p' }); display({ n: 1n }, { id: 'p', update: true }); clearOutput(true)",
    );
    const events = cells.events.slice(before);
    const displays = events.filter((event) => event.type === "display");
    expect(displays.map(({ data, displayId, isUpdate }) => [Object.keys(data)[0], displayId, isUpdate])).toEqual([
      ["application/vnd.plotly.v1+json", undefined, false],
      ["text/html", "p", false],
      ["text/plain", "p", true],
    ]);
    expect(displays[1]?.data["text/html"]).toBe("<b>&lt;</b>");
    expect(events.some((event) => event.type === "clear-output" && event.wait)).toBe(true);
  });

  test("values that JSON does not know do not break sending", async () => {
    const body =
      "const o = { big: 12n, f() {} }; o.self = o; display({ [Symbol.for('Jupyter.display')]: () => ({ 'application/x': o }) })";
    const before = cells.events.length;
    expect((await cells.run(body)).status).toBe("ok");
    expect(cells.events[before]).toMatchObject({ data: { "application/x": { big: 12, self: "[Circular]" } } });
  });
});

describe("errors", () => {
  test("show the code, and the stack in terms of cells", async () => {
    await cells.run({ names: ["function fail"], hoisted: "function fail() {\n  throw new TypeError('no good')\n}" });
    const cell = await traceback("const a = 1\nfail()");
    expect(cell).toMatch(/^TypeError: no good\n/);
    expect(cell).toContain("> 2 |   throw new TypeError('no good')\n    |         ^");
    expect(cell).toMatch(/at fail \(cell \[\d+\]:2:9\)\n {4}at cell \[\d+\]:2:1$/);
  });

  test("show causes, aggregated errors, properties, and thrown values", async () => {
    expect(await traceback("throw new Error('outer', { cause: new RangeError('inner') })")).toContain(
      "[cause] RangeError: inner",
    );
    const all = await traceback("await Promise.any([Promise.reject(new Error('one')), Promise.reject('two')])");
    expect(all).toContain("[errors 0] Error: one");
    expect(all).toContain("[errors 1] string: thrown: 'two'");
    expect(await traceback("throw Object.assign(new Error('x'), { code: 'E_X' })")).toContain("{ code: 'E_X' }");
    expect(await traceback("throw 5")).toBe("number: thrown: 5");
  });

  test("with getters that throw are still reported", async () => {
    const body =
      "throw new (class Odd extends Error { get message() { throw 1 } get stack() { throw 2 } get name() { throw 3 } })()";
    expect(await traceback(body)).toMatch(/^Error: /);
  });

  test("in late callbacks are printed under their own cell, once, and the session goes on", async () => {
    await cells.run(
      "const say = (...words) => words.join(' ');\n\n\nsetTimeout(() => { throw new Error(say('late', 'throw')) }, 50);\n\n\nPromise.reject(new Error(say('nobody', 'listens')))",
    );
    await until(() => {
      const errors = Object.values(cells.printed("stderr")).join("");
      return errors.includes("late throw") && errors.includes("nobody listens");
    });
    const [text] = Object.values(cells.printed("stderr")).filter((each) => each.includes("late throw"));
    expect(text).toContain("nobody listens");
    expect(text?.match(/late throw/g)).toHaveLength(1);
    expect(text?.match(/nobody listens/g)).toHaveLength(1);
    expect(await cells.value("1 + 1")).toBe("2");
  });

  test("carry the frames of a worker's stack back to cells", async () => {
    const cell = makeCell(directory, { body: "" });
    const body = `const e = new Error('remote'); e.stack = 'Error: remote\\n    at job (${cell.fileName}:1:7)\\n    at node:internal/x:1:2'; throw e`;
    await cells.runCell({ ...cell, source: "const job = 1" });
    expect(await traceback(body)).toMatch(/\n> 1 \| const job = 1\n.*\^\n {4}at job \(cell \[\d+\]:1:7\)$/);
  });
});

describe("the process", () => {
  test("answers usage while a cell spins", async () => {
    const running = cells.run("const end = Date.now() + 800; while (Date.now() < end);");
    await sleep(100);
    await cells.session.usage();
    await sleep(200);
    const usage = await cells.session.usage();
    expect(usage.cpuPercent).toBeGreaterThan(1);
    expect(usage.rssBytes).toBeGreaterThan(1e7);
    await running;
  });

  test("gives libraries a host that knows cells, imports and names", async () => {
    await cells.run({ names: ["mine"], imports: [named("node:path", "join")], body: "mine = 1" });
    const host = "globalThis[Symbol.for('mobula.notebook')]";
    expect(
      await cells.value(
        `[${host}.importOf('join'), ${host}.isCellName('mine'), ${host}.isCellName('URL'), ${host}.currentExecution().executionCount > 0]`,
      ),
    ).toBe("[ { specifier: 'node:path', imported: 'join' }, true, false, true ]");
    const withdrawal = cells.events.length;
    await cells.run(`${host}.delegateComm('panel', '127.0.0.1:9')()`);
    expect(cells.events.slice(withdrawal).map((event) => event.type)).toEqual([
      "comm-target-delegated",
      "comm-target-withdrawn",
    ]);
  });
});
