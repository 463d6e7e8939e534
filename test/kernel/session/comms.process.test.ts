import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSession } from "../../../kernel/src/session/client.ts";
import { Recorder, until } from "./cells.ts";

type Data = Readonly<Record<string, unknown>>;

let directory: string;
let cells: Recorder;

beforeAll(async () => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "comms-test-")));
  cells = new Recorder(createSession({ directory }), directory);
  await cells.session.start();
});

afterAll(async () => {
  await cells.session.close();
  rmSync(directory, { recursive: true });
});

/** What the session has said over a comm. */
function heard(commId: string): readonly { readonly type: string; readonly data: Data }[] {
  return cells.events.flatMap((event) => (event.type === "comm" && event.commId === commId ? [event.message] : []));
}

/** Open a comm and wait for the first answer. */
async function open(commId: string, target: string, data: Data = {}): Promise<void> {
  cells.session.tellComm(commId, { type: "comm-open", commId, target, data });
  await until(() => heard(commId).length > 0, 30_000);
}

function tell(commId: string, data: Data): void {
  cells.session.tellComm(commId, { type: "comm-message", data });
}

async function heardOf(commId: string, wanted: Data): Promise<void> {
  await until(() => heard(commId).some(({ data }) => matches(data, wanted)), 30_000);
}

function matches(data: Data, wanted: Data): boolean {
  return Object.entries(wanted).every(([key, value]) => JSON.stringify(data[key]) === JSON.stringify(value));
}

/** The variables that were told last, by name. */
function variables(commId: string): Record<string, Data> {
  const last = heard(commId).at(-1)?.data["variables"] as readonly (Data & { readonly name: string })[];
  return Object.fromEntries(last.map(({ name, ...rest }) => [name, rest]));
}

test("a comm of a target that nobody serves is closed", async () => {
  await open("nobody", "unknown");
  expect(heard("nobody")).toEqual([{ type: "comm-close", data: { reason: "no target 'unknown' in this session" } }]);
});

describe("the list of variables", () => {
  test("is told at once, and after each cell that changed it", async () => {
    await cells.run({
      names: ["rates", "ǃprocess"],
      body: "rates = new Map([['a', 1]]); globalThis['ǃprocess'] = 'own'",
    });
    await open("list", "mobula.variables.v1");
    expect(variables("list")).toEqual({
      rates: { type: "Map", size: 1, text: "Map(1) { 'a' => 1 }" },
      process: { type: "string", size: 3, text: "'own'" },
    });
    await cells.run({ names: ["rates"], body: "rates = [1, 2]" });
    await until(() => variables("list")["rates"]?.["type"] === "number[]", 30_000);
    const count = heard("list").length;
    await cells.run("1 + 1");
    cells.session.deleteGlobals(["rates"]);
    await until(() => !("rates" in variables("list")), 30_000);
    expect(heard("list")).toHaveLength(count + 1); // The cell that changed nothing was not told of.
  });

  test("leaves out imports and what has no value, and runs no code of the user", async () => {
    await cells.run({
      imports: [{ specifier: "node:path", line: 0, bindings: [{ imported: "join", local: "join" }] }],
      names: ["import join", "odd", "failed"],
      body: "odd = { get x() { globalThis.hasRun = true; return 1 } }; await null; throw 1; failed = 2",
    });
    await until(() => "odd" in variables("list"), 30_000);
    expect(variables("list")["odd"]).toEqual({ type: "object", size: 1, text: "{ x: [Getter] }" });
    expect(Object.keys(variables("list"))).not.toContain("join");
    expect(Object.keys(variables("list"))).not.toContain("failed");
    expect(await cells.value("globalThis.hasRun")).toBe(undefined);
  });
});

describe("a widget", () => {
  test("gives its places the module and the state, and shares what each side changes", async () => {
    await cells.run({
      names: ["slider", "seen"],
      body: [
        "seen = [];",
        "slider = widget({ esm: 'export default {}', css: '.a{}', state: { value: 1, name: 'x' } });",
        "slider.onChange((changed) => { seen.push(changed); console.log('changed', changed.value) });",
      ].join("\n"),
    });
    const id = String(await cells.value("slider.id")).slice(1, -1);
    await open("one", "mobula.widget.v1", { id });
    await open("two", "mobula.widget.v1", { id });
    const first = { type: "open", esm: "export default {}", css: ".a{}", state: { value: 1, name: "x" } };
    expect(heard("one")).toEqual([{ type: "comm-message", data: first }]);
    tell("one", { type: "update", state: { value: 5 } });
    await heardOf("two", { type: "update", state: { value: 5 } });
    expect(heard("one")).toHaveLength(1); // Whoever changed it is not told again.
    expect(await cells.value("[slider.get('value'), slider.state.name, seen]")).toBe("[ 5, 'x', [ { value: 5 } ] ]");
    await cells.run("slider.set({ value: 7 }); slider.send(['hello'])");
    for (const place of ["one", "two"]) {
      await heardOf(place, { type: "update", state: { value: 7 } });
      await heardOf(place, { type: "custom", content: ["hello"] });
    }
    expect(await cells.value("seen.length")).toBe("1"); // The notebook's own changes are not reported to it.
  });

  test("prints under the cell that listens, also when the handler throws, and hears custom messages", async () => {
    await cells.run("slider.onMessage((text) => { console.log('heard', text); throw new Error('in a handler') })");
    tell("one", { type: "custom", content: "from the page" });
    await until(() => Object.values(cells.printed()).some((text) => text.includes("heard from the page")), 30_000);
    await until(() => Object.values(cells.printed("stderr")).some((text) => text.includes("in a handler")), 30_000);
    const listening = Object.entries(cells.printed()).find(([, text]) => text.includes("changed 5"));
    expect(listening?.[0]).not.toBe("none");
    expect(await cells.value("1 + 1")).toBe("2");
  });

  test("that is closed, or of an earlier session, says so", async () => {
    await cells.run("slider.close()");
    await until(() => heard("one").at(-1)?.type === "comm-close", 30_000);
    expect(heard("one").at(-1)?.data).toEqual({ reason: "The widget was closed." });
    await open("late", "mobula.widget.v1", { id: "of-another-session" });
    expect(heard("late")[0]).toMatchObject({
      type: "comm-close",
      data: { reason: expect.stringContaining("Run its cell again") },
    });
  });

  test("shows itself by its id", async () => {
    const outcome = await cells.run("return widget({ esm: '', state: {} })");
    expect(outcome).toMatchObject({
      status: "ok",
      result: { data: { "application/vnd.mobula.widget.v1+json": { id: expect.any(String) } } },
    });
  });
});
