import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Practice, practiceSteps } from "../../../kernel/src/language/practice.ts";
import { Notebook } from "./notebook.ts";

describe("practice", () => {
  test("its questions are those of a person, and have answers", () => {
    using notebook = new Notebook();
    const { language } = notebook;
    const answers: unknown[] = [];
    const compile = language.compile.bind(language);
    const complete = language.complete.bind(language);
    const inspect = language.inspect.bind(language);
    vi.spyOn(language, "compile").mockImplementation((request) => {
      const reply = compile(request);
      answers.push(reply.diagnostics);
      return reply;
    });
    vi.spyOn(language, "complete").mockImplementation((request) => {
      const completion = complete(request);
      answers.push(completion.items.map(({ text }) => text));
      return completion;
    });
    vi.spyOn(language, "inspect").mockImplementation((request) => {
      const hover = inspect(request);
      answers.push(hover?.text);
      return hover;
    });
    for (const step of practiceSteps(language).slice(0, 8)) step();
    expect(answers).toEqual([[], [], ["map"], "const rows0: Row0[]", [], [], ["map"], "const rows1: Row1[]"]);
  });
});

describe("practising", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate"] }));
  afterEach(() => void vi.useRealTimers());

  test("begins when nobody has asked for a while, and waits while somebody asks", () => {
    const taken: number[] = [];
    const done = vi.fn();
    const steps = [1, 2, 3].map((n) => () => void taken.push(n));
    const practice = new Practice(steps, done);
    practice.start();
    for (let asked = 0; asked < 5; asked++) {
      vi.advanceTimersByTime(150);
      practice.interrupt();
    }
    expect(taken).toEqual([]);
    vi.advanceTimersByTime(200);
    expect(taken).toEqual([1]);
    practice.interrupt();
    vi.advanceTimersByTime(100);
    expect(taken).toEqual([1]);
    vi.advanceTimersByTime(200);
    vi.runAllTimers();
    expect(taken).toEqual([1, 2, 3]);
    expect(done).toHaveBeenCalledTimes(1);
    practice.interrupt();
    vi.runAllTimers();
    expect(done).toHaveBeenCalledTimes(1);
  });

  test("a step that fails ends it with a warning", () => {
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const done = vi.fn();
    const late = vi.fn();
    const fails = () => {
      throw new Error("no");
    };
    new Practice([fails, late], done).start();
    vi.runAllTimers();
    expect(warn).toHaveBeenCalledWith(expect.stringContaining("Error: no"));
    expect([done.mock.calls.length, late.mock.calls.length]).toEqual([1, 0]);
    warn.mockRestore();
  });
});
