import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createSession } from "../../../kernel/src/session/client.ts";
import type { ExecuteOutcome } from "../../../kernel/src/session/session.ts";
import { Recorder, until } from "./cells.ts";

let directory: string;
let cells: Recorder;
/** What the cells asked, in order. */
let asked: { prompt: string; isPassword: boolean }[];

beforeAll(async () => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "session-input-")));
  cells = new Recorder(createSession({ directory }), directory);
  await cells.session.start();
});

afterAll(async () => {
  await cells.session.close();
  rmSync(directory, { recursive: true });
});

beforeEach(() => {
  asked = [];
  cells.events.length = 0;
});

/** The user types these lines, one for each question; `null` is Ctrl-D, and after the last one nothing more. */
function userTypes(...lines: readonly (string | null)[]): void {
  const left = [...lines];
  cells.onInput = (prompt, isPassword) => {
    asked.push({ prompt, isPassword });
    const text = left.shift();
    return text === undefined ? undefined : { type: "given", text };
  };
}

/** The text/plain of what the body of a cell returns. */
async function returned(body: string): Promise<unknown> {
  return textOf(await cells.run({ body, hasResult: true }));
}

function textOf(outcome: ExecuteOutcome): unknown {
  return outcome.status === "ok" ? outcome.result?.data["text/plain"] : outcome.error;
}

/** Run a cell, and interrupt it as soon as it asks. */
async function interruptWhenAsked(body: string) {
  userTypes();
  const running = cells.run(body);
  await until(() => asked.length > 0);
  await cells.session.interrupt();
  return running;
}

describe("prompt", () => {
  test("holds the cell until the user has answered", async () => {
    userTypes("Ada", "🦈");
    expect(await cells.value("[prompt('name? '), prompt()]")).toBe("[ 'Ada', '🦈' ]");
    expect(asked).toEqual([
      { prompt: "name? ", isPassword: false },
      { prompt: "", isPassword: false },
    ]);
  });

  test("takes its fallback for an empty answer, and null for the end of the input", async () => {
    userTypes("", "", null);
    expect(await cells.value("[prompt('a', 'fallback'), prompt('b'), prompt('c', 'fallback')]")).toBe(
      "[ 'fallback', '', null ]",
    );
  });

  test("asks for a secret", async () => {
    userTypes("s3cret");
    expect(await cells.value("prompt('key', { password: true })")).toBe("'s3cret'");
    expect(asked).toEqual([{ prompt: "key", isPassword: true }]);
  });

  test("works in a cell that has awaited, and in a helper of an earlier cell", async () => {
    await cells.run({
      hoisted: "function askTwice() { return prompt('1') + prompt('2'); }",
      names: ["function askTwice"],
    });
    userTypes("a", "b");
    expect(await returned("await null; return askTwice()")).toBe("'ab'");
  });
});

test("confirm is true for yes only", async () => {
  userTypes("y", "YES", "n", "", null);
  expect(await cells.value("[1, 2, 3, 4, 5].map(() => confirm('Sure?'))")).toBe("[ true, true, false, false, false ]");
  expect(asked[0]?.prompt).toBe("Sure? [y/N] ");
});

test("input lets timers go on while the user thinks", async () => {
  let answer: (() => void) | undefined;
  cells.onInput = (prompt, isPassword) => {
    const { id } = cells.events.findLast((event) => event.type === "input-requested") ?? { id: 0 };
    asked.push({ prompt, isPassword });
    answer = () => cells.session.answerInput(id, { type: "given", text: "late" });
    return undefined;
  };
  const running = returned(
    "setTimeout(() => console.log('tick'), 1); return await input('when? ', { password: true })",
  );
  await until(() => Object.values(cells.printed()).join("").includes("tick") && answer !== undefined);
  answer?.();
  expect(await running).toBe("'late'");
  expect(asked).toEqual([{ prompt: "when? ", isPassword: true }]);
});

test("input rejects at the end of the input", async () => {
  userTypes(null);
  expect(await cells.run("await input('name? ')")).toMatchObject({ error: { ename: "EndOfInputError" } });
});

test("answers find their questions when prompt and input wait at once", async () => {
  const ids: number[] = [];
  cells.onInput = (prompt) => {
    ids.push(Number(prompt));
    const events = cells.events.filter((event) => event.type === "input-requested");
    if (events.length === 2) {
      // The one that holds the thread was asked last, and is answered last.
      for (const { id, prompt: text } of events) cells.session.answerInput(id, { type: "given", text: `for ${text}` });
    }
    return undefined;
  };
  expect(
    await cells.value(
      "await (async () => { const later = input('1'); const now = prompt('2'); return [now, await later]; })()",
    ),
  ).toBe("[ 'for 2', 'for 1' ]");
  expect(ids).toEqual([1, 2]);
});

describe("nobody to ask", () => {
  test.each(["prompt('name?')", "confirm('sure?')", "await input('name?')", "process.stdin.resume()"])(
    "a cell that may not ask gets an error: %s",
    async (code) => {
      cells.onInput = undefined;
      const outcome = await cells.run(code);
      expect(outcome).toMatchObject({ status: "error", error: { ename: "InputUnavailableError" } });
      expect(outcome.status === "error" && outcome.error.evalue).toContain("allow_stdin is false");
    },
  );

  test("what the kernel refuses is an error with its reason", async () => {
    cells.onInput = () => ({ type: "refused", reason: "No front end is there." });
    for (const code of ["prompt('name?')", "await input('name?')"]) {
      expect(await cells.run(code)).toMatchObject({
        error: { ename: "InputUnavailableError", evalue: "No front end is there." },
      });
    }
  });

  test("code that outlives its cell cannot ask", async () => {
    userTypes("never");
    await cells.run("setTimeout(() => { try { prompt('late') } catch (error) { console.log(error.code) } }, 1)");
    await until(() => Object.values(cells.printed()).join("").includes("INPUT_UNAVAILABLE"));
    expect(asked).toEqual([]);
  });
});

describe("an interrupt", () => {
  test.each([
    "globalThis.log = []; try { prompt('name?') } finally { log.push('finally') }",
    "globalThis.log = []; try { await input('name?') } finally { log.push('finally') }",
  ])("ends the wait, and finally blocks run: %s", async (body) => {
    expect(await interruptWhenAsked(body)).toMatchObject({ error: { ename: "KeyboardInterrupt" } });
    expect(await cells.value("log")).toBe("[ 'finally' ]");
  });

  test.each(["for (;;) { try { prompt('again') } catch {} }", "for (;;) { try { await input('again') } catch {} }"])(
    "ends a cell that asks again and again: %s",
    async (body) => {
      expect(await interruptWhenAsked(body)).toMatchObject({ error: { ename: "KeyboardInterrupt" } });
      userTypes("still here");
      expect(await cells.value("prompt('next')")).toBe("'still here'");
    },
  );

  test("tells the hooks that cancel remote work", async () => {
    await cells.run(
      "globalThis.hooked = 0; globalThis[Symbol.for('mobula.notebook')].onInterrupt(() => { hooked += 1 })",
    );
    await interruptWhenAsked("prompt('name?')");
    expect(await cells.value("hooked")).toBe("1");
  });

  test("and a late answer leaves the next cell's question alone", async () => {
    await interruptWhenAsked("prompt('first')");
    const stale = cells.events.findLast((event) => event.type === "input-requested");
    cells.session.answerInput(stale?.id ?? 0, { type: "given", text: "stale" });
    userTypes("fresh");
    expect(await cells.value("prompt('second')")).toBe("'fresh'");
  });
});

describe("process.stdin", () => {
  test("readline asks the user", async () => {
    userTypes("Ada", "36");
    const body = `
      const { createInterface } = require("node:readline/promises");
      const lines = createInterface({ input: process.stdin, output: process.stdout });
      const name = await lines.question("name? ");
      const age = await lines.question("age? ");
      lines.close();
      return [name, age];`;
    expect(await returned(body)).toBe("[ 'Ada', '36' ]");
    expect(Object.values(cells.printed()).join("")).toBe("name? age? ");
    expect(asked).toHaveLength(2);
  });

  test("readline reads until the user ends the input, also in the next cell", async () => {
    const body = `
      const { createInterface } = require("node:readline");
      const read = [];
      for await (const line of createInterface({ input: process.stdin })) read.push(line);
      return read;`;
    userTypes("a", "b", null);
    expect(await returned(body)).toBe("[ 'a', 'b' ]");
    userTypes("c", null);
    expect(await returned(body)).toBe("[ 'c' ]");
  });

  test("cells that read follow each other closely", async () => {
    const body = `
      process.stdin.resume();
      const line = await new Promise((resolve) => process.stdin.once("data", resolve));
      process.stdin.pause();
      return line;`;
    for (let cell = 0; cell < 60; cell++) {
      userTypes(`line ${cell}`);
      expect(await returned(body)).toBe(`'line ${cell}\\n'`);
    }
  });

  test("is left by an interrupt as it was", async () => {
    const ask = `
      const { createInterface } = require("node:readline/promises");
      const lines = createInterface({ input: process.stdin });
      const answer = await lines.question("");
      lines.close();
      return answer;`;
    expect(await interruptWhenAsked(ask)).toMatchObject({ error: { ename: "KeyboardInterrupt" } });
    userTypes("once");
    expect(await returned(ask)).toBe("'once'");
    expect(asked).toHaveLength(2);
  });
});
