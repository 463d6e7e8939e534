import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
// The worker thread's entry exists only as a built file, so its client is taken from there as well.
import { startLanguage } from "../../../kernel/dist/language/client.js";
import type { Language } from "../../../kernel/src/language/language.ts";

describe("startLanguage", () => {
  let directory: string;
  let language: Language;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "mobula-language-"));
    language = startLanguage({ directory });
  });
  afterEach(async () => {
    await language.close();
    rmSync(directory, { recursive: true });
  });

  test("compiles, commits, completes, inspects and forgets in the order of the calls", async () => {
    const { cell } = await language.compile({ code: "const answer = 42 as number", cellId: "x", check: "error" });
    expect(cell?.fileName).toBe(join(directory, ".cell-1.ts"));
    language.commit(cell?.version ?? 0, ["answer"]);
    const [completion, hover, refused, complete, forgotten, unknown] = await Promise.all([
      language.complete({ code: "answ", offset: 4 }),
      language.inspect({ code: "answer", offset: 2 }),
      language.compile({ code: "answer.nope", check: "error" }),
      language.isComplete("if (answer) {"),
      language.forget(["x"]),
      language.inspect({ code: "answer", offset: 2 }),
    ]);
    expect(completion.items).toEqual([{ text: "answer", kind: "const", signature: "const answer: number" }]);
    expect(hover?.text).toBe("const answer: number");
    expect(refused.cell).toBeUndefined();
    expect(complete).toEqual({ status: "incomplete", indent: "  " });
    expect(forgotten).toEqual(["answer"]);
    expect(unknown?.text ?? "").not.toContain("number");
  });

  test("calls that wait when it is closed, and later ones, are rejected", async () => {
    const waiting = language.compile({ code: "1", check: "error" });
    const rejected = expect(waiting).rejects.toMatchObject({ code: "LANGUAGE_THREAD_ENDED" });
    await language.close();
    await rejected;
    await expect(language.isComplete("1")).rejects.toMatchObject({ code: "LANGUAGE_THREAD_ENDED" });
    language.commit(1, []);
  });

  test("a request that fails leaves the others alone", async () => {
    const broken = language.isComplete(undefined as unknown as string);
    await expect(broken).rejects.toThrow("The language service failed");
    expect(await language.isComplete("1")).toEqual({ status: "complete" });
  });
});

test("a thread that cannot start rejects what waits for it", async () => {
  const language = startLanguage({ directory: tmpdir(), typeRoots: 1 as unknown as string[] });
  await expect(language.isComplete("1")).rejects.toMatchObject({ code: "LANGUAGE_THREAD_ENDED" });
  await language.close();
});
