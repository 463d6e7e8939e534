import { afterEach, beforeEach, expect, test } from "vitest";
import type { CompiledCell, Language } from "../../../kernel/src/language/language.ts";
import { lastingLanguage } from "../../../kernel/src/language/lasting-language.ts";
import { NotebookLanguage } from "../../../kernel/src/language/notebook-language.ts";
import { Notebook } from "./notebook.ts";

let notebook: Notebook;
let threads: MortalThread[];
let language: Language;
/** So many of the threads die of a certain cell. */
let mortal: number;
beforeEach(() => {
  notebook = new Notebook();
  threads = [];
  mortal = 0;
  language = lastingLanguage(() => {
    const thread = new MortalThread(notebook.directory);
    threads.push(thread);
    return thread;
  });
});
afterEach(async () => {
  await language.close();
  notebook[Symbol.dispose]();
});

/** The real language, which stops answering when it dies, as its thread does. */
class MortalThread implements Language {
  readonly #language: NotebookLanguage;
  isDead = false;
  isClosed = false;

  constructor(directory: string) {
    this.#language = new NotebookLanguage({ directory });
  }

  compile: Language["compile"] = (request) => {
    if (request.code === "deadly" && threads.indexOf(this) < mortal) this.isDead = true;
    return this.#answer(() => this.#language.compile(request));
  };
  forget: Language["forget"] = (request) => this.#answer(() => this.#language.forget(request));
  diagnose: Language["diagnose"] = (request) => this.#answer(() => this.#language.diagnose(request));
  complete: Language["complete"] = (request) => this.#answer(() => this.#language.complete(request));
  inspect: Language["inspect"] = (request) => this.#answer(() => this.#language.inspect(request));
  places: Language["places"] = (request) => this.#answer(() => this.#language.places(request));
  rename: Language["rename"] = (request) => this.#answer(() => this.#language.rename(request));
  isComplete: Language["isComplete"] = (request) => this.#answer(() => this.#language.isComplete(request));

  lend(): void {}

  commit(version: number, assigned: readonly string[]): void {
    if (!this.isDead) this.#language.commit(version, assigned);
  }

  close(): Promise<void> {
    this.isClosed = true;
    this.#language.close();
    return Promise.resolve();
  }

  #answer<Result>(ask: () => Result): Promise<Result> {
    if (!this.isDead) return new Promise((resolve) => resolve(ask()));
    return Promise.reject(Object.assign(new Error("The thread ended."), { code: "LANGUAGE_THREAD_ENDED" }));
  }
}

async function run(code: string, cellId?: string): Promise<CompiledCell> {
  const { cell, diagnostics } = await language.compile({ code, check: "error", ...(cellId && { cellId }) });
  if (!cell) throw new Error(diagnostics.map(({ message }) => message).join());
  language.commit(
    cell.version,
    cell.declarations.map(({ name }) => name),
  );
  return cell;
}

async function typeOf(expression: string): Promise<string | undefined> {
  return (await language.inspect({ code: `const it = ${expression}`, offset: 7 }))?.text;
}

function kill(): void {
  for (const thread of threads) thread.isDead = true;
}

test("a new thread knows what ran, under the old versions, and gives new ones after them", async () => {
  await run("type Id = string");
  await run("class Point { x = 1 }", "a");
  await run("const old = new Point()", "b");
  const { version } = await run("class Point { y = 'now' }", "a");
  kill();
  expect(await typeOf("old.x")).toBe("const it: number");
  expect(await typeOf("new Point().y")).toBe("const it: string");
  expect(threads).toHaveLength(2);
  expect((await run("const next: Id = 'a'")).version).toBeGreaterThan(version);
});

test("imported types, deleted cells and half-run cells are as they were", async () => {
  notebook.write("lib.ts", "export interface Shape { area: number }");
  await run('import { Shape } from "./lib.ts"');
  await run("const gone = 1", "a");
  await language.forget(["a"]);
  const { cell } = await language.compile({ code: "const first = 1, second = 2", check: "error" });
  language.commit(cell?.version ?? 0, ["first"]);
  kill();
  expect(await typeOf("null! as Shape['area']")).toBe("const it: number");
  const { diagnostics } = await language.compile({ code: "first; second; gone", check: "error" });
  expect(diagnostics.map(({ message }) => message)).toEqual(["Cannot find name 'second'.", "Cannot find name 'gone'."]);
});

test("a cell that ran while the thread was dead counts", async () => {
  const { cell } = await language.compile({ code: "const late = 1 as number", check: "error" });
  kill();
  language.commit(cell?.version ?? 0, ["late"]);
  expect(await typeOf("late")).toBe("const it: number");
});

test("what kills the second thread, too, is an error of the call; the next call is answered", async () => {
  await run("const kept = 1 as number");
  mortal = 2;
  await expect(language.compile({ code: "deadly", check: "error" })).rejects.toMatchObject({
    code: "LANGUAGE_THREAD_ENDED",
  });
  expect(await typeOf("kept")).toBe("const it: number");
  expect(threads).toHaveLength(3);
});

test("one that was closed stays so", async () => {
  await language.close();
  kill();
  await expect(language.isComplete("1")).rejects.toMatchObject({ code: "LANGUAGE_THREAD_ENDED" });
  expect(threads).toHaveLength(1);
  expect(threads[0]?.isClosed).toBe(true);
});
