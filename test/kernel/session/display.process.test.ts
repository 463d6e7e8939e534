import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSession } from "../../../kernel/src/session/client.ts";
import type { SessionEvent } from "../../../kernel/src/session/session.ts";
import { Recorder } from "./cells.ts";

type Shown = Extract<SessionEvent, { type: "display" }>;

let directory: string;
let cells: Recorder;

beforeAll(async () => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "display-test-")));
  cells = new Recorder(createSession({ directory }), directory);
  await cells.session.start();
});

afterAll(async () => {
  await cells.session.close();
  rmSync(directory, { recursive: true });
});

/** What a cell displays; it must succeed. */
async function displays(parts: Parameters<Recorder["run"]>[0]): Promise<Shown[]> {
  const before = cells.events.length;
  const outcome = await cells.run(parts);
  if (outcome.status === "error") throw new Error(outcome.error.traceback.join("\n"));
  return cells.events.slice(before).filter((event): event is Shown => event.type === "display");
}

const importTslab = {
  imports: [{ specifier: "tslab", line: 0, bindings: [{ imported: "*", local: "tslab" }] }],
  names: ["import tslab"],
};

describe("tslab, which is not installed", () => {
  test("is there, with the versions of its API", async () => {
    await displays({ ...importTslab, body: "" });
    expect(await cells.value("tslab.versions.tslab")).toBe("'1.0.22'");
  });

  test("shows each format under its type; bytes as base64", async () => {
    const body = [
      "const { display } = tslab;",
      "display.html('<b>h</b>'); display.javascript('1'); display.markdown('*m*'); display.latex('$x$');",
      "display.svg('<svg/>'); display.text('t'); display.json({ a: 1 });",
      "display.png(Uint8Array.of(1)); display.jpeg(Uint8Array.of(2)); display.gif(Uint8Array.of(3));",
      "display.pdf(Uint8Array.of(4)); display.raw('text/vnd.mermaid', 'graph'); display.raw('image/bmp', Uint8Array.of(5));",
    ];
    const shown = await displays(body.join("\n"));
    expect(shown.map(({ data }) => data)).toEqual([
      { "text/html": "<b>h</b>" },
      { "text/javascript": "1" },
      { "text/markdown": "*m*" },
      { "text/latex": "$x$" },
      { "image/svg+xml": "<svg/>" },
      { "text/plain": "t" },
      { "application/json": { a: 1 } },
      { "image/png": "AQ==" },
      { "image/jpeg": "Ag==" },
      { "image/gif": "Aw==" },
      { "application/pdf": "BA==" },
      { "text/vnd.mermaid": "graph" },
      { "image/bmp": "BQ==" },
    ]);
    expect(shown.every(({ isUpdate, displayId }) => !isUpdate && displayId === undefined)).toBe(true);
  });

  test("newDisplay() replaces what it showed before, also from a later cell", async () => {
    const [first, second] = await displays({
      names: ["place"],
      body: "place = tslab.newDisplay(); place.text('one'); place.html('two')",
    });
    const [third] = await displays("place.text('three')");
    expect([first, second, third].map((shown) => shown?.isUpdate)).toEqual([false, true, true]);
    expect(new Set([first, second, third].map((shown) => shown?.displayId)).size).toBe(1);
    const [other] = await displays("tslab.newDisplay().text('other')");
    expect(other?.displayId).not.toBe(first?.displayId);
  });
});

describe("helpers that every cell finds", () => {
  test("latex, image and json show themselves", async () => {
    const shown = await displays(
      "display(latex`\\\\alpha`); display(image('<svg/>', { width: 9 })); display(json([1], { expanded: true }))",
    );
    expect(shown.map(({ data }) => Object.keys(data)[0])).toEqual(["text/latex", "image/svg+xml", "application/json"]);
    expect(shown[1]?.metadata).toEqual({ "image/svg+xml": { width: 9 } });
  });

  test("a display with an id is replaced by an update", async () => {
    const shown = await displays("await display('a', { id: 'x' }); await display('b', { id: 'x', update: true })");
    expect(shown.map(({ displayId, isUpdate }) => [displayId, isUpdate])).toEqual([
      ["x", false],
      ["x", true],
    ]);
  });
});
