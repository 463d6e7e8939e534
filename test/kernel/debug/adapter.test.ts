import fc from "fast-check";
import { expect, test } from "vitest";
import { type AdapterEvent, DebugAdapter, type Effect } from "../../../kernel/src/debug/adapter.ts";
import type { StartedCell } from "../../../kernel/src/debug/cell-book.ts";
import type { JsonObject } from "../../../kernel/src/debug/protocol.ts";

const URL = "file:///notes/.cell-1.ts";
/** `let a = 1` and a use of it. */
const CELL: StartedCell = {
  code: "let a = 1\na + 1",
  source: "let a = 1\na + 1",
  hoisted: "",
  body: '(async function(){"use strict";\n;   a = 1;return (\na + 1)\n})',
  url: URL,
  executionCount: 1,
  names: { a: "a" },
};

/** What V8 would say to what the tests ask. */
function inspector(method: string, params: JsonObject): JsonObject {
  switch (method) {
    case "Runtime.compileScript":
      return { scriptId: "90" };
    case "Debugger.getPossibleBreakpoints":
      return {
        locations: [
          { scriptId: "90", lineNumber: 1, columnNumber: 4 },
          { scriptId: "90", lineNumber: 1, columnNumber: 11 },
        ],
      };
    case "Debugger.setBreakpointByUrl":
      return { breakpointId: `1:${String(params.lineNumber)}:${String(params.columnNumber)}`, locations: [] };
    case "Runtime.getProperties":
      return { result: [] };
    case "Runtime.evaluate":
    case "Debugger.evaluateOnCallFrame":
      return { result: { type: "number", value: 2, description: "2" } };
    default:
      return {};
  }
}

/** An adapter whose questions are answered at once, and all that it said. */
class World {
  readonly adapter = new DebugAdapter({ pathPrefix: "/cells/", internalPatterns: ["^file:///kernel/"] });
  readonly asked: { readonly method: string; readonly params: JsonObject }[] = [];
  readonly commands: string[] = [];
  readonly events: { readonly event: string; readonly body: JsonObject }[] = [];
  readonly ran: number[] = [];
  private readonly replies = new Map<number, JsonObject & { readonly body: JsonObject }>();
  private nextId = 1;

  send(event: AdapterEvent): void {
    const queue: Effect[] = this.adapter.step(event);
    for (let effect = queue.shift(); effect !== undefined; effect = queue.shift()) {
      if (effect.type === "ask" && effect.question.type === "inspect") {
        const { method, params } = effect.question;
        this.asked.push({ method, params });
        queue.push(...this.adapter.step({ type: "answered", id: effect.id, answer: inspector(method, params) }));
      }
      if (effect.type === "command") this.commands.push(effect.method);
      if (effect.type === "publish") this.events.push(effect.event);
      if (effect.type === "reply") this.replies.set(effect.id, { ...effect.response });
      if (effect.type === "let-run") this.ran.push(effect.id);
    }
    expect(this.adapter.brokenInvariants()).toEqual([]);
  }

  request(command: string, args: JsonObject = {}): JsonObject & { readonly body: JsonObject } {
    const id = this.nextId++;
    this.send({ type: "requested", id, request: { type: "request", seq: id, command, arguments: args } });
    const reply = this.replies.get(id);
    if (reply === undefined) throw new Error(`No reply to ${command}.`);
    return reply;
  }

  /** Attach, with a breakpoint on the second line of the cell, and run the cell. */
  debug(): string {
    this.request("initialize");
    this.request("attach");
    const path = String(this.request("dumpCell", { code: CELL.code }).body.sourcePath);
    this.request("setBreakpoints", { source: { path }, breakpoints: [{ line: 2 }] });
    this.send({ type: "cell-compiled", id: 500, cell: CELL });
    this.send(parsed("7", URL));
    return path;
  }

  pause(
    column: number,
    extra: { hit?: string; reason?: string; scriptId?: string; uncaught?: boolean; returns?: boolean } = {},
  ): void {
    const frame = {
      callFrameId: `frame-${column}`,
      functionName: "",
      location: { scriptId: extra.scriptId ?? "7", lineNumber: 0, columnNumber: column },
      scopeChain: [],
      this: { type: "undefined" },
      ...(extra.returns === true ? { returnValue: { type: "undefined" } } : {}),
    };
    const params = {
      callFrames: [frame],
      reason: extra.reason ?? "other",
      ...(extra.hit === undefined ? {} : { hitBreakpoints: [extra.hit] }),
      ...(extra.uncaught === undefined
        ? {}
        : { data: { type: "object", description: "Error: no\n  at x", uncaught: extra.uncaught } }),
    };
    this.send({ type: "inspector-event", method: "Debugger.paused", params });
  }

  resume(): void {
    this.send({ type: "inspector-event", method: "Debugger.resumed", params: {} });
  }
}

function parsed(scriptId: string, url: string): Extract<AdapterEvent, { type: "inspector-event" }> {
  return { type: "inspector-event", method: "Debugger.scriptParsed", params: { scriptId, url } };
}

test("without a debugger nothing is asked of V8, and cells run at once", () => {
  const world = new World();
  world.send({ type: "cell-compiled", id: 500, cell: CELL });
  expect(world.ran).toEqual([500]);
  expect(world.request("debugInfo").body).toMatchObject({ isStarted: false, hashMethod: "Murmur2", breakpoints: [] });
  expect(world.asked).toEqual([]);
});

test("a breakpoint set before a cell has run is set in V8 when it runs, before its code", () => {
  const world = new World();
  const path = world.debug();
  expect(world.asked.find(({ method }) => method === "Debugger.setBreakpointByUrl")?.params).toMatchObject({
    url: URL,
    lineNumber: 0,
    columnNumber: 11,
  });
  expect(world.ran).toEqual([500]);
  expect(world.request("debugInfo").body.breakpoints).toEqual([{ source: path, breakpoints: [{ line: 2 }] }]);
});

test("the same text run again gets its breakpoints again, and clearing them clears all", () => {
  const world = new World();
  const path = world.debug();
  world.send({ type: "cell-compiled", id: 501, cell: { ...CELL, url: "file:///notes/.cell-2.ts" } });
  const set = world.asked.filter(({ method }) => method === "Debugger.setBreakpointByUrl");
  expect(set.map(({ params }) => params.url)).toEqual([URL, "file:///notes/.cell-2.ts"]);
  expect(world.request("setBreakpoints", { source: { path }, breakpoints: [] }).body).toEqual({ breakpoints: [] });
  expect(world.asked.some(({ method }) => method === "Debugger.removeBreakpoint")).toBe(true);
});

test("a pause at a breakpoint is told with the user's line, and stands for the next statement", () => {
  const world = new World();
  const path = world.debug();
  world.pause(11, { hit: "1:0:11" });
  expect(world.events.at(-1)).toMatchObject({ event: "stopped", body: { reason: "breakpoint", threadId: 1 } });
  expect(world.request("stackTrace").body).toMatchObject({
    totalFrames: 1,
    stackFrames: [{ name: "cell [1]", line: 2, column: 1, source: { path } }],
  });
  expect(world.request("debugInfo").body.stoppedThreads).toEqual([1]);
});

test("a breakpoint that V8 set at another place of the cell's other script stops nobody", () => {
  const world = new World();
  world.debug();
  world.pause(4, { hit: "1:0:11" });
  expect(world.events.map(({ event }) => event)).toEqual(["initialized"]);
  expect(world.commands).toEqual(["Debugger.resume"]);
});

test("a step goes on through the kernel's code, and ends when the user's is left", () => {
  const world = new World();
  world.debug();
  world.send(parsed("8", "file:///kernel/session.js"));
  world.pause(11, { hit: "1:0:11" });
  expect(world.request("next").success).toBe(true);
  world.resume();
  world.pause(0, { scriptId: "8" });
  expect(world.asked.at(-1)?.method).toBe("Debugger.stepOver");
  expect(world.commands.at(-1)).toBe("Debugger.resume");
  expect(world.events.map(({ event }) => event)).toEqual(["initialized", "stopped", "continued"]);
});

test("where a function returns on the line of the last stop, a step goes on", () => {
  const world = new World();
  world.debug();
  world.pause(4);
  world.request("next");
  world.resume();
  world.pause(8, { returns: true });
  expect(world.commands.at(-1)).toBe("Debugger.stepOver");
});

test("exceptions pause by the filters: caught, uncaught, or none", () => {
  const world = new World();
  world.debug();
  const stops = () => world.events.filter(({ event }) => event === "stopped").length;
  world.pause(4, { reason: "exception", uncaught: true });
  expect(stops()).toBe(0);
  world.request("setExceptionBreakpoints", { filters: ["uncaught"] });
  world.pause(4, { reason: "exception", uncaught: false });
  expect(stops()).toBe(0);
  world.pause(4, { reason: "promiseRejection", uncaught: true });
  expect(world.events.at(-1)).toMatchObject({ body: { reason: "exception", text: "Error: no" } });
  expect(world.asked.at(-1)).toEqual({ method: "Debugger.setPauseOnExceptions", params: { state: "uncaught" } });
});

test("disconnecting lets the code go on, and nothing of the debugger stays", () => {
  const world = new World();
  world.debug();
  world.pause(11, { hit: "1:0:11" });
  expect(world.request("disconnect").success).toBe(true);
  expect(world.events.slice(-2).map(({ event }) => event)).toEqual(["continued", "terminated"]);
  expect(world.request("debugInfo").body).toMatchObject({ isStarted: false, breakpoints: [], stoppedThreads: [] });
});

test("requests that come too late or too early say what is wrong, with a body that front ends can read", () => {
  const world = new World();
  expect(world.request("setBreakpoints", { source: { path: "/x" } })).toMatchObject({
    success: false,
    message: "The debugger is not started; send 'initialize' first.",
    body: { breakpoints: [] },
  });
  world.debug();
  expect(world.request("next")).toMatchObject({ success: false, message: "The code is not paused." });
  expect(world.request("variables", { variablesReference: 5 })).toMatchObject({
    success: false,
    body: { variables: [] },
  });
  expect(world.request("restartFrame")).toMatchObject({ success: false, message: expect.stringContaining("restart") });
});

test("in a new process the debugger is turned on again, and breakpoints stay", () => {
  const world = new World();
  const path = world.debug();
  world.pause(11, { hit: "1:0:11" });
  world.send({ type: "session-ended" });
  expect(world.events.at(-1)?.event).toBe("continued");
  world.asked.length = 0;
  world.send({ type: "cell-compiled", id: 501, cell: CELL });
  expect(world.asked.map(({ method }) => method)).toContain("Debugger.enable");
  expect(world.asked.map(({ method }) => method)).toContain("Debugger.setBreakpointByUrl");
  expect(world.request("debugInfo").body.breakpoints).toEqual([{ source: path, breakpoints: [{ line: 2 }] }]);
});

const COMMANDS = ["initialize", "attach", "disconnect", "next", "pause", "scopes", "evaluate", "inspectVariables"];

test("whatever happens in whichever order, every request gets one answer and every cell may run once", () => {
  const event = fc.oneof(
    fc.constantFrom(...COMMANDS).map((command) => ({ kind: "request", command }) as const),
    fc.constantFrom([], [{ line: 1 }], [{ line: 1 }, { line: 2 }]).map((lines) => ({ kind: "lines", lines }) as const),
    fc.constantFrom("cell", "pause", "resume", "answer", "fail", "death").map((kind) => ({ kind }) as const),
    fc
      .tuple(fc.constantFrom("worker-comes", "worker-goes", "worker-pauses", "worker-resumes"), fc.constantFrom(1, 2))
      .map(([kind, worker]) => ({ kind, worker }) as const),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const adapter = new DebugAdapter({ pathPrefix: "/cells/", internalPatterns: [] });
      const open: Extract<Effect, { type: "ask" }>[] = [];
      const answers = new Map<number, number>();
      let id = 0;
      const send = (next: AdapterEvent): void => {
        for (const effect of adapter.step(next)) {
          if (effect.type === "ask") open.push(effect);
          if (effect.type === "reply" || effect.type === "let-run") {
            answers.set(effect.id, (answers.get(effect.id) ?? 0) + 1);
          }
        }
        expect(adapter.brokenInvariants()).toEqual([]);
      };
      const ask = (command: string, args: JsonObject): void => {
        id += 1;
        answers.set(id, 0);
        send({ type: "requested", id, request: { type: "request", seq: id, command, arguments: args } });
      };
      const answer = (isFailure: boolean): void => {
        const question = open.shift();
        if (question === undefined) return;
        const { method, params } = question.question as { method: string; params: JsonObject };
        if (isFailure) send({ type: "failed", id: question.id, message: "no" });
        else send({ type: "answered", id: question.id, answer: inspector(method, params) });
      };
      const path = `/cells/${murmurOf(CELL.code)}.ts`;
      for (const each of events) {
        if (each.kind === "request") ask(each.command, { frameId: 1, expression: "a" });
        else if (each.kind === "lines") ask("setBreakpoints", { source: { path }, breakpoints: each.lines });
        else if (each.kind === "cell") {
          id += 1;
          answers.set(id, 0);
          send({ type: "cell-compiled", id, cell: CELL });
          send(parsed("7", URL));
        } else if (each.kind === "worker-comes") {
          send({ type: "worker-attached", worker: each.worker, name: `worker ${each.worker}` });
          send({ ...parsed("7", URL), worker: each.worker });
        } else if (each.kind === "worker-goes") {
          send({ type: "worker-detached", worker: each.worker });
        } else if (each.kind === "worker-resumes") {
          send({ type: "inspector-event", method: "Debugger.resumed", params: {}, worker: each.worker });
        } else if (each.kind === "pause" || each.kind === "worker-pauses") {
          const location = { scriptId: "7", lineNumber: 0, columnNumber: 4 };
          const frame = { callFrameId: "f", functionName: "", location, scopeChain: [], this: { type: "undefined" } };
          const params = { callFrames: [frame], reason: "other" };
          const where = "worker" in each ? { worker: each.worker } : {};
          send({ type: "inspector-event", method: "Debugger.paused", params, ...where });
        } else if (each.kind === "resume") send({ type: "inspector-event", method: "Debugger.resumed", params: {} });
        else if (each.kind === "death") send({ type: "session-ended" });
        else answer(each.kind === "fail");
      }
      while (open.length > 0) answer(false);
      expect([...answers.values()].filter((count) => count !== 1)).toEqual([]);
    }),
  );
});

function murmurOf(code: string): string {
  const adapter = new DebugAdapter({ pathPrefix: "", internalPatterns: [] });
  const request = { type: "request", seq: 1, command: "dumpCell", arguments: { code } } as const;
  const [effect] = adapter.step({ type: "requested", id: 1, request });
  return effect?.type === "reply" ? String(effect.response.body.sourcePath).replace(".ts", "") : "";
}
