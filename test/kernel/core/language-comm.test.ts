import { describe, expect, test } from "vitest";
import type { LiveDiagnostic } from "../../../kernel/src/protocol/language-comm.ts";
import type { JsonObject } from "../../../kernel/src/protocol/messages.ts";
import { KernelWorld } from "../../support/kernel/kernel-world.ts";

const WRONG: LiveDiagnostic = { category: "error", code: 1, message: "wrong", start: 0, length: 1, fixes: [] };

class FrontEnd {
  readonly world = new KernelWorld();

  constructor() {
    this.world.send("comm_open", { comm_id: "c", target_name: "mobula.language.v1", data: {} });
  }

  tell(data: object): void {
    this.world.send("comm_msg", { comm_id: "c", data });
  }

  get heard(): JsonObject[] {
    const messages = this.world.broadcasts().filter(({ header }) => header.msg_type === "comm_msg");
    return messages.map(({ content }) => content.data as JsonObject);
  }

  async heardSome(count: number): Promise<JsonObject[]> {
    await this.world.until(() => this.heard.length >= count);
    return this.heard;
  }

  get asked(): unknown[] {
    return this.world.language.log.filter((entry) => Array.isArray(entry) && entry[0] === "diagnose");
  }
}

const CELLS = {
  type: "cells",
  revision: 1,
  order: ["a", "b"],
  changed: [
    { id: "b", code: "2" },
    { id: "a", code: "1" },
  ],
};

describe("the language comm", () => {
  test("answers with the diagnostics of each cell asked for, in that order", async () => {
    const frontEnd = new FrontEnd();
    await frontEnd.world.until(() => frontEnd.world.languages.length > 0);
    frontEnd.world.language.liveDiagnostics = [WRONG];
    frontEnd.tell(CELLS);
    frontEnd.tell({ type: "check", cells: ["b", "unknown", "a"] });
    expect(await frontEnd.heardSome(2)).toEqual([
      { type: "diagnostics", revision: 1, cellId: "b", diagnostics: [WRONG] },
      { type: "diagnostics", revision: 1, cellId: "a", diagnostics: [WRONG] },
    ]);
    const cells = [
      { id: "a", code: "1" },
      { id: "b", code: "2" },
    ];
    expect(frontEnd.asked).toEqual([
      ["diagnose", { cells, cellId: "b", check: "error" }],
      ["diagnose", { cells, cellId: "a", check: "error" }],
    ]);
  });

  test("cells keep their text until they change or go", async () => {
    const frontEnd = new FrontEnd();
    frontEnd.tell(CELLS);
    frontEnd.tell({ type: "cells", revision: 2, order: ["b", "c"], changed: [{ id: "c", code: "3" }] });
    frontEnd.tell({ type: "check", cells: ["a", "c"] });
    expect(await frontEnd.heardSome(1)).toMatchObject([{ revision: 2, cellId: "c" }]);
    expect(frontEnd.asked).toMatchObject([
      [
        "diagnose",
        {
          cells: [
            { id: "b", code: "2" },
            { id: "c", code: "3" },
          ],
        },
      ],
    ]);
  });

  test("a %check line holds from its cell on, before the level that ran", async () => {
    const frontEnd = new FrontEnd();
    await frontEnd.world.execute("%check warn");
    const changed = [
      { id: "a", code: "1" },
      { id: "b", code: "%check off\n2" },
      { id: "c", code: "3" },
    ];
    frontEnd.tell({ type: "cells", revision: 1, order: ["a", "b", "c"], changed });
    frontEnd.tell({ type: "check", cells: ["a", "b", "c"] });
    await frontEnd.heardSome(4);
    expect(frontEnd.asked.map((entry) => (entry as [string, { check: string }])[1].check)).toEqual([
      "warn",
      "off",
      "off",
    ]);
    expect(frontEnd.asked).toMatchObject([{}, ["diagnose", { cells: [{}, { code: "          \n2" }, {}] }], {}]);
  });

  test("a newer check drops what an older one waits for", async () => {
    const frontEnd = new FrontEnd();
    await frontEnd.world.until(() => frontEnd.world.languages.length > 0);
    const started: string[] = [];
    let goOn = () => {};
    frontEnd.world.language.diagnose = async ({ cellId }) => {
      started.push(cellId);
      await new Promise<void>((resolve) => (goOn = resolve));
      return [];
    };
    frontEnd.tell(CELLS);
    frontEnd.tell({ type: "check", cells: ["a", "a", "a"] });
    await expect.poll(() => started).toEqual(["a"]);
    frontEnd.tell({ type: "check", cells: ["b"] });
    goOn();
    await expect.poll(() => started).toEqual(["a", "b"]);
    goOn();
    expect((await frontEnd.heardSome(2)).map(({ cellId }) => cellId)).toEqual(["a", "b"]);
  });

  test("front ends hear that the world changed: after a cell, and when the session is gone", async () => {
    const frontEnd = new FrontEnd();
    await frontEnd.world.execute("1");
    expect(await frontEnd.heardSome(1)).toEqual([{ type: "world-changed" }]);
    frontEnd.world.session.die();
    expect(await frontEnd.heardSome(2)).toHaveLength(2);
    frontEnd.tell(CELLS);
    frontEnd.tell({ type: "check", cells: ["a"] });
    expect((await frontEnd.heardSome(3)).at(-1)).toMatchObject({ type: "diagnostics", cellId: "a" });
  });

  test("a cell that runs does not hold it up", async () => {
    const frontEnd = new FrontEnd();
    frontEnd.world.session.onExecute = () => new Promise(() => {});
    frontEnd.world.send("execute_request", { code: "for (;;) {}" });
    await expect.poll(() => frontEnd.world.session.log).toContainEqual(["execute", "for (;;) {}"]);
    frontEnd.tell(CELLS);
    frontEnd.tell({ type: "check", cells: ["a"] });
    expect(await frontEnd.heardSome(1)).toMatchObject([{ cellId: "a" }]);
  });

  test("questions are answered with the cells around, and an answer that fails says why", async () => {
    const frontEnd = new FrontEnd();
    await frontEnd.world.until(() => frontEnd.world.languages.length > 0);
    frontEnd.world.language.hover = { markdown: "**x**", text: "x" };
    frontEnd.tell(CELLS);
    const notebook = {
      cells: [
        { id: "a", code: "1" },
        { id: "b", code: "2" },
      ],
      cellId: "b",
    };
    frontEnd.tell({ type: "ask", id: 1, question: { kind: "hover", cellId: "b", offset: 1 } });
    frontEnd.tell({ type: "ask", id: 2, question: { kind: "complete", cellId: "b", offset: 1 } });
    frontEnd.tell({
      type: "ask",
      id: 3,
      question: { kind: "describe", cellId: "b", offset: 1, start: 0, text: "total" },
    });
    frontEnd.tell({ type: "ask", id: 4, question: { kind: "places", cellId: "b", offset: 0 } });
    frontEnd.tell({ type: "ask", id: 5, question: { kind: "rename", cellId: "b", offset: 0, newName: "n" } });
    frontEnd.tell({ type: "ask", id: 6, question: { kind: "hover", cellId: "gone", offset: 0 } });
    const heard = await frontEnd.heardSome(6);
    expect(heard.toSorted((a, b) => Number(a.id) - Number(b.id))).toEqual([
      { type: "answer", id: 1, answer: { markdown: "**x**", text: "x" } },
      { type: "answer", id: 2, answer: { start: 0, end: 0, items: [] } },
      { type: "answer", id: 3, answer: { markdown: "**x**", text: "x" } },
      { type: "answer", id: 4, answer: null },
      { type: "answer", id: 5, answer: { problem: "no names here" } },
      { type: "failed", id: 6, message: "The kernel does not know cell gone." },
    ]);
    const { log } = frontEnd.world.language;
    expect(log).toContainEqual(["inspect", { code: "2", offset: 1, notebook }]);
    expect(log).toContainEqual(["complete", { code: "2", offset: 1, notebook, withImports: true }]);
    expect(log).toContainEqual(["inspect", { code: "total", offset: 5, notebook }]);
    expect(log).toContainEqual(["rename", { ...notebook, offset: 0, newName: "n" }]);
  });

  test("Jupyter's own requests mean the cell that has their text", async () => {
    const frontEnd = new FrontEnd();
    frontEnd.tell(CELLS);
    await frontEnd.world.request("inspect_request", { code: "2", cursor_pos: 1 });
    await frontEnd.world.request("complete_request", { code: "other", cursor_pos: 1 });
    expect(frontEnd.world.language.log).toMatchObject([
      ["inspect", { notebook: { cellId: "b", cells: [{ id: "a" }, { id: "b" }] } }],
      ["complete", { code: "other", offset: 1 }],
    ]);
    expect(frontEnd.world.language.log[1]).not.toHaveProperty("1.notebook");
    await frontEnd.world.request("inspect_request", { code: "just typed", cursor_pos: 1 });
    const cells = [{ id: "a" }, { id: "b" }, { id: "", code: "" }];
    expect(frontEnd.world.language.log[2]).toMatchObject(["inspect", { notebook: { cellId: "", cells } }]);
  });

  test("what cannot be read, or fails, is a warning", async () => {
    const frontEnd = new FrontEnd();
    frontEnd.tell({ type: "cells", revision: "1", order: [], changed: [] });
    frontEnd.tell({ type: "nonsense" });
    await expect.poll(() => frontEnd.world.warnings).toHaveLength(2);
    frontEnd.world.language.diagnose = () => Promise.reject(new Error("no program"));
    frontEnd.tell(CELLS);
    frontEnd.tell({ type: "check", cells: ["a", "b"] });
    await expect.poll(() => frontEnd.world.warnings).toHaveLength(3);
    expect(frontEnd.heard).toEqual([]);
  });
});
