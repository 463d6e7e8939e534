import { existsSync } from "node:fs";
import { get, init, put, shutdown, task } from "mobula";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../../support/driver-program.ts";

/** A notebook around this process: records what would appear under its cells. */
const cell = { messageId: "m1", cellId: "c1", executionCount: 4 };
const output: { messageId: string | undefined; text: string }[] = [];
const displays: { text: unknown; displayId: string | undefined }[] = [];
const delegated: string[] = [];
const interrupts = new Set<(execution: typeof cell) => void>();
const HOST = Symbol.for("mobula.notebook");
const world = globalThis as Record<symbol, unknown>;

beforeAll(async () => {
  world[HOST] = {
    version: 1,
    directory: process.cwd(),
    currentExecution: () => cell,
    stream: (execution: typeof cell | undefined, _name: string, text: string) =>
      output.push({ messageId: execution?.messageId, text }),
    display: (_execution: unknown, data: Record<string, unknown>, options: { displayId?: string } = {}) =>
      displays.push({ text: data["text/plain"], displayId: options.displayId }),
    onInterrupt: (hook: (execution: typeof cell) => void) => {
      interrupts.add(hook);
      return () => interrupts.delete(hook);
    },
    onCellEnd: () => () => {},
    delegateComm: (target: string, address: string) => {
      delegated.push(target, address);
      return () => {};
    },
    importOf: () => undefined,
    isCellName: () => false,
  };
  await init({ cpus: 2 });
});

afterAll(async () => {
  await shutdown();
  delete world[HOST];
});

it("lets the panel talk to the head", () => {
  expect(delegated[0]).toBe("mobula.cluster.v1");
  expect(existsSync(delegated[1] ?? "")).toBe(true);
});

it("shows output under the cell that started the task, before the result", async () => {
  const prints = task(() => {
    console.log("from a task");
    return process.pid;
  });
  await prints();
  expect(output).toContainEqual({ messageId: "m1", text: "from a task\n" });
});

it("shows one progress line for work that takes a while", async () => {
  const nap = task(async () => {
    await new Promise((resolve) => setTimeout(resolve, 500));
  });
  await get([nap(), nap(), nap()]);
  await eventually(() => displays.some(({ text }) => /^4\/4 · 00:0\d$/.test(String(text))), 2_000);
  expect(new Set(displays.map(({ displayId }) => displayId))).toEqual(new Set(["mobula-progress-m1"]));
  expect(String(displays[0]?.text)).toMatch(/^\d\/4 · [12] running · 00:00$/);
  expect(String(displays.at(-1)?.text)).toMatch(/^4\/4 · 00:0\d$/);
});

it("cancels the tasks of a cell that is interrupted", async () => {
  const spin = task(() => {
    for (;;);
  });
  const outcomes = Promise.allSettled([spin(), spin(), spin()]);
  await new Promise((resolve) => setTimeout(resolve, 200));
  for (const hook of interrupts) hook(cell);
  const reasons = (await outcomes).map((outcome) => (outcome.status === "rejected" ? String(outcome.reason) : "done"));
  expect(reasons.every((reason) => reason.includes("the cell was interrupted"))).toBe(true);
});

it("shows refs by themselves", () => {
  const ref = put(1) as unknown as Record<symbol, () => Record<string, string>>;
  const bundle = ref[Symbol.for("Jupyter.display")]?.();
  expect(bundle?.["text/plain"]).toMatch(/^ObjectRef\(d\.\w+, there; await it for its value\)$/);
});
