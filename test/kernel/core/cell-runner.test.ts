import { expect, test } from "vitest";
import type { CellDiagnostic } from "../../../kernel/src/language/language.ts";
import { KernelWorld, kinds } from "../../support/kernel/kernel-world.ts";
import { compiledCell } from "../../support/kernel/memory-language.ts";

const mismatch: CellDiagnostic = {
  category: "error",
  code: 2322,
  message: "Type 'string' is not assignable to type 'number'.",
  start: 6,
  length: 1,
};

async function worldWith(diagnostic: CellDiagnostic): Promise<KernelWorld> {
  const world = new KernelWorld();
  await world.request("is_complete_request", { code: "" });
  world.language.onCompile = ({ code, check }, version) => ({
    ...(check === "error" ? {} : { cell: compiledCell(code, version) }),
    diagnostics: check === "off" ? [] : [diagnostic],
  });
  return world;
}

test("a type error blocks the cell and shows where it is", async () => {
  const world = await worldWith(mismatch);
  const { reply, broadcasts } = await world.execute('const n: number = "x"');
  expect(kinds(broadcasts)).toEqual(["busy", "execute_input", "error", "idle"]);
  expect(reply.content).toMatchObject({ status: "error", ename: "TypeScriptError", evalue: mismatch.message });
  expect(world.session.log).toEqual(["start"]);
  expect(world.language.log.filter((entry) => Array.isArray(entry) && entry[0] === "commit")).toEqual([]);
});

test("%check warn prints the error and runs the cell; the level stays for later cells", async () => {
  const world = await worldWith(mismatch);
  const { reply, broadcasts } = await world.execute('%check warn\nconst n: number = "x"');
  expect(reply.content.status).toBe("ok");
  expect(kinds(broadcasts)).toEqual(["busy", "execute_input", "stream", "idle"]);
  expect(broadcasts[2]?.content).toMatchObject({ name: "stderr" });
  expect(broadcasts[2]?.content.text).toContain(mismatch.message);
  expect((await world.execute("next")).reply.content.status).toBe("ok");
});

test("%check off checks nothing, and %check alone names the level", async () => {
  const world = await worldWith(mismatch);
  expect(kinds((await world.execute('%check off\nconst n: number = "x"')).broadcasts)).not.toContain("stream");
  expect((await world.execute("%check")).broadcasts[2]?.content).toEqual({ name: "stdout", text: "%check off\n" });
});

test("the magic line is blanked out, so that positions stay the user's", async () => {
  const world = new KernelWorld();
  await world.execute("\n%check warn\nlet a = 1;");
  expect(world.language.log[0]).toEqual(["compile", { code: "\n           \nlet a = 1;", check: "warn" }]);
});

test("an unknown command is an error that names the known ones", async () => {
  const world = new KernelWorld();
  const { reply } = await world.execute("%matplotlib inline");
  expect(reply.content).toMatchObject({ status: "error", ename: "MagicError" });
  expect(reply.content.evalue).toContain("%matplotlib");
  expect(reply.content.evalue).toContain("%check error|warn|off");
  expect((await world.execute("%check loud")).reply.content.evalue).toContain('not "loud"');
});

test("a % inside a cell is the remainder operator", async () => {
  const world = new KernelWorld();
  await world.execute("7\n% 2");
  expect(world.session.log).toContainEqual(["execute", "7\n% 2"]);
});

test("the cell's id goes to the compiler and with the execution", async () => {
  const world = new KernelWorld();
  world.session.onExecute = ({ execution }) => {
    expect(execution).toMatchObject({ cellId: "cell-7", executionCount: 1 });
    return { status: "ok", assigned: ["a"] };
  };
  expect((await world.execute("const a = 1", {}, { cellId: "cell-7" })).reply.content.status).toBe("ok");
  expect(world.language.log).toEqual([
    ["compile", { code: "const a = 1", check: "error", cellId: "cell-7" }],
    ["commit", 1, ["a"]],
  ]);
});

test("deleted cells leave types and values before the cell is checked; the cell itself never does", async () => {
  const world = new KernelWorld();
  await world.execute("1", {}, { cellId: "self", deletedCells: ["gone", "self"] });
  expect(world.language.log.slice(0, 2)).toEqual([
    ["forget", ["gone"]],
    ["compile", { code: "1", check: "error", cellId: "self" }],
  ]);
  expect(world.session.log).toContainEqual(["deleteGlobals", ["nameOf_gone"]]);
});

test("a cell that throws half-way commits the names that have a value", async () => {
  const world = new KernelWorld();
  const error = { ename: "Error", evalue: "", traceback: [] };
  world.session.onExecute = () => ({ status: "error", assigned: ["first"], error });
  await world.execute("const first = 1; throw new Error(); const second = 2;");
  expect(world.language.log.at(-1)).toEqual(["commit", 1, ["first"]]);
});

test("a broken language thread is the cell's error and nothing worse", async () => {
  const world = new KernelWorld();
  await world.request("is_complete_request", { code: "" });
  world.language.onCompile = () => Promise.reject(new Error("the thread ended"));
  const { reply } = await world.execute("1");
  expect(reply.content).toMatchObject({ status: "error", ename: "KernelError" });
  expect(reply.content.evalue).toContain("the thread ended");
});

test("%npm runs npm before the rest of the cell, and shows what it prints", async () => {
  const world = new KernelWorld();
  const { reply, broadcasts } = await world.execute(`%npm install left-pad@1 "two words"\nlet a = 1;`);
  expect(reply.content.status).toBe("ok");
  expect(world.npm.runs).toEqual([["install", "left-pad@1", "two words"]]);
  const texts = broadcasts.filter(({ header }) => header.msg_type === "stream").map(({ content }) => content.text);
  expect(texts.join("")).toBe("npm install left-pad@1 two words\ndone\n");
  expect(world.language.log[0]).toMatchObject(["compile", { code: expect.stringMatching(/^ +\nlet a = 1;$/) }]);
});

test("an npm that fails is the cell's error, and the rest does not run", async () => {
  const world = new KernelWorld();
  world.npm.exitCode = 7;
  const { reply } = await world.execute("%npm install nope\nlet a = 1;");
  expect(reply.content).toMatchObject({ status: "error", ename: "NpmError" });
  expect(reply.content.evalue).toContain("npm install nope failed with exit code 7");
  expect(world.language.log).toEqual([]);
  expect((await world.execute("%npm")).reply.content).toMatchObject({ status: "error", ename: "MagicError" });
});

test("packages that a cell imports from npm: are installed when they are not there, once", async () => {
  const world = new KernelWorld();
  world.npm.versions.set("here", "4.17.21").set("old", "1.9.0");
  const code = 'import a from "npm:here@4.17"; import b from "npm:old@2"; import c from "npm:new";';
  await world.execute(code);
  expect(world.npm.runs).toEqual([["install", "old@2", "new"]]);
  await world.execute(code);
  expect(world.npm.runs).toHaveLength(1);
});
