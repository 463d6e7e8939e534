import { expect, test } from "vitest";
import { KernelWorld, kinds } from "../../support/kernel/kernel-world.ts";
import { compiledCell } from "../../support/kernel/memory-language.ts";

const never = new Promise<never>(() => {});

test("a cell is busy, echoes its input, prints, replies, and is idle", async () => {
  const world = new KernelWorld();
  world.session.onExecute = (request) => {
    world.session.print(request, "hello, ");
    world.session.print(request, "world\n");
    return { status: "ok", assigned: [], result: { data: { "text/plain": "2" }, metadata: {} } };
  };
  const { sent, reply, broadcasts } = await world.execute("1 + 1");
  expect(kinds(sent.map(({ message }) => message))).toEqual([
    "busy",
    "execute_input",
    "stream",
    "execute_result",
    "execute_reply",
    "idle",
  ]);
  expect(broadcasts[1]?.content).toEqual({ code: "1 + 1", execution_count: 1 });
  expect(broadcasts[2]?.content).toEqual({ name: "stdout", text: "hello, world\n" });
  expect(broadcasts[3]?.content).toEqual({ execution_count: 1, data: { "text/plain": "2" }, metadata: {} });
  expect(reply.content).toEqual({ status: "ok", execution_count: 1, payload: [], user_expressions: {} });
  expect(Date.parse(String(reply.metadata.started))).not.toBeNaN();
});

test("every known request is answered on shell and on control, between busy and idle", async () => {
  const world = new KernelWorld();
  const requests: [string, object][] = [
    ["kernel_info_request", {}],
    ["complete_request", { code: "a", cursor_pos: 1 }],
    ["inspect_request", { code: "a", cursor_pos: 1 }],
    ["is_complete_request", { code: "a" }],
    ["history_request", { hist_access_type: "tail", n: 1 }],
    ["comm_info_request", {}],
    ["interrupt_request", {}],
    ["usage_request", {}],
    ["create_subshell_request", {}],
    ["list_subshell_request", {}],
    ["execute_request", { code: "" }],
  ];
  for (const channel of ["shell", "control"] as const) {
    for (const [type, content] of requests) {
      const { sent, reply } = await world.request(type, content, { channel });
      expect(kinds(sent.map(({ message }) => message)).filter((kind) => kind !== "execute_input")).toEqual([
        "busy",
        type.replace("_request", "_reply"),
        "idle",
      ]);
      expect(sent.find(({ message }) => message === reply)?.channel).toBe(channel);
      expect(reply.content.status, type).toMatch(/^(ok|complete)$/);
    }
  }
});

test("unknown and broken requests get an error reply; an unknown message is only busy and idle", async () => {
  const world = new KernelWorld();
  expect((await world.request("connect_request", {})).reply).toMatchObject({
    header: { msg_type: "connect_reply" },
    content: { status: "error", evalue: "This kernel does not answer connect_request." },
  });
  expect((await world.request("execute_request", {})).reply).toMatchObject({
    header: { msg_type: "execute_reply" },
    content: { status: "error", ename: "InvalidRequestError" },
  });
  expect(kinds((await world.request("gossip", {})).broadcasts)).toEqual(["busy", "idle"]);
});

test("a request that a part fails to answer gets an error reply", async () => {
  const world = new KernelWorld();
  await world.request("is_complete_request", { code: "" });
  world.language.complete = () => Promise.reject(new TypeError("no program"));
  const { reply } = await world.request("complete_request", { code: "a" });
  expect(reply.content).toMatchObject({ status: "error", ename: "TypeError", evalue: "no program" });
});

test("kernel_info does not wait for TypeScript or for the session", async () => {
  const world = new KernelWorld();
  world.session.onStart = () => never;
  const { reply } = await world.request("kernel_info_request", {}, { channel: "control" });
  expect(reply.content).toMatchObject({
    status: "ok",
    protocol_version: "5.5",
    implementation: "mobula",
    language_info: { name: "typescript", file_extension: ".ts" },
  });
});

test("cells run one after the other in the order they came", async () => {
  const world = new KernelWorld();
  const steps: string[] = [];
  world.session.onExecute = async ({ cell }) => {
    steps.push(`begin ${cell.source}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
    steps.push(`end ${cell.source}`);
    return { status: "ok", assigned: [] };
  };
  const ids = ["a", "b", "c"].map((code) => world.send("execute_request", { code }));
  const answers = await Promise.all(ids.map((id) => world.answerTo(id)));
  expect(steps).toEqual(["begin a", "end a", "begin b", "end b", "begin c", "end c"]);
  expect(answers.map(({ reply }) => reply.content.execution_count)).toEqual([1, 2, 3]);
});

test("a running cell does not delay completion, and the kernel stays busy afterwards", async () => {
  const world = new KernelWorld();
  let finish: (() => void) | undefined;
  const begun = new Promise<void>((hasBegun) => {
    world.session.onExecute = () => {
      hasBegun();
      return new Promise((resolve) => {
        finish = () => resolve({ status: "ok", assigned: [] });
      });
    };
  });
  const cell = world.send("execute_request", { code: "slow" });
  await begun;
  await world.request("complete_request", { code: "a" });
  expect(world.broadcasts().at(-1)).toMatchObject({ parent_header: {}, content: { execution_state: "busy" } });
  finish?.();
  await world.answerTo(cell);
  expect(world.broadcasts().at(-1)).toMatchObject({ content: { execution_state: "idle" } });
});

test("a failing cell aborts the waiting ones, unless its request says otherwise", async () => {
  const world = new KernelWorld();
  const error = { ename: "RangeError", evalue: "too far", traceback: ["RangeError: too far"] };
  world.session.onExecute = ({ cell }) =>
    cell.source === "bad" ? { status: "error", assigned: [], error } : { status: "ok", assigned: [] };
  const strict = [world.send("execute_request", { code: "bad" }), world.send("execute_request", { code: "next" })];
  const [bad, next] = await Promise.all(strict.map((id) => world.answerTo(id)));
  expect(kinds(bad?.broadcasts ?? [])).toEqual(["busy", "execute_input", "error", "idle"]);
  expect(bad?.reply.content).toEqual({ status: "error", execution_count: 1, ...error });
  expect(kinds(next?.broadcasts ?? [])).toEqual(["busy", "idle"]);
  expect(next?.reply.content).toMatchObject({ status: "error", ename: "ExecutionAborted" });
  expect(next?.reply.content).not.toHaveProperty("execution_count");

  const lenient = [
    world.send("execute_request", { code: "bad", stop_on_error: false }),
    world.send("execute_request", { code: "next" }),
  ];
  const answers = await Promise.all(lenient.map((id) => world.answerTo(id)));
  expect(answers.map(({ reply }) => reply.content.status)).toEqual(["error", "ok"]);
  expect(answers.map(({ reply }) => reply.content.execution_count)).toEqual([2, 3]);
});

test("a silent cell shows nothing and counts nothing", async () => {
  const world = new KernelWorld();
  world.session.onExecute = (request) => {
    world.session.print(request, "noise");
    return { status: "ok", assigned: [], result: { data: { "text/plain": "1" }, metadata: {} } };
  };
  const { broadcasts, reply } = await world.execute("1", { silent: true });
  expect(kinds(broadcasts)).toEqual(["busy", "idle"]);
  expect(reply.content).toMatchObject({ status: "ok", execution_count: 0 });
  expect((await world.execute("2")).reply.content.execution_count).toBe(1);
});

test("a cell that is not stored shows the next number and leaves it free", async () => {
  const world = new KernelWorld();
  expect((await world.execute("1", { store_history: false })).reply.content.execution_count).toBe(1);
  expect((await world.execute("2")).reply.content.execution_count).toBe(1);
  const { reply } = await world.request("history_request", { hist_access_type: "tail", n: 9 });
  expect(reply.content.history).toEqual([[1, 1, "2"]]);
});

test("what a timer prints after the cell's end appears under that cell", async () => {
  const world = new KernelWorld();
  const requests: Parameters<typeof world.session.onExecute>[0][] = [];
  world.session.onExecute = (request) => {
    requests.push(request);
    return { status: "ok", assigned: [] };
  };
  const first = await world.execute("first");
  await world.execute("second");
  const [request] = requests;
  if (request) world.session.print(request, "late");
  const id = first.reply.parent_header.msg_id;
  await world.until(() => world.broadcastsOf(id).length === 4);
  expect(kinds(world.broadcastsOf(id))).toEqual(["busy", "execute_input", "idle", "stream"]);
});

test("displays, updates and clearing keep their place among prints", async () => {
  const world = new KernelWorld();
  world.session.onExecute = (request) => {
    const { session } = world;
    const { execution } = request;
    session.print(request, "out");
    session.print(request, "err", "stderr");
    const display = { type: "display", execution, data: { "text/plain": "x" }, metadata: {}, displayId: "d" } as const;
    session.emit({ ...display, isUpdate: false });
    session.print(request, "out");
    session.emit({ ...display, isUpdate: true });
    session.emit({ type: "clear-output", execution, wait: true });
    return { status: "ok", assigned: [] };
  };
  const { broadcasts } = await world.execute("show");
  expect(kinds(broadcasts).slice(2, -1)).toEqual([
    "stream",
    "stream",
    "display_data",
    "stream",
    "update_display_data",
    "clear_output",
  ]);
  expect(broadcasts[4]?.content).toEqual({
    data: { "text/plain": "x" },
    metadata: {},
    transient: { display_id: "d" },
  });
});

test("a subscriber is welcomed with its own topic", () => {
  const world = new KernelWorld();
  world.transport.subscribe("");
  expect(world.broadcasts().at(-1)).toMatchObject({
    header: { msg_type: "iopub_welcome" },
    content: { subscription: "" },
  });
});

test("an interrupt without a running cell is only acknowledged", async () => {
  const world = new KernelWorld();
  const { reply } = await world.request("interrupt_request", {}, { channel: "control" });
  expect(reply.content).toEqual({ status: "ok" });
  expect(world.session.log).toEqual(["start"]);
});

test("an interrupt stops the running cell and aborts the waiting ones", async () => {
  const world = new KernelWorld();
  world.session.onExecute = () =>
    new Promise((resolve) => {
      world.session.interrupt = () => {
        const error = { ename: "AbortError", evalue: "stopped", traceback: ["AbortError: stopped"] };
        resolve({ status: "error", assigned: ["x"], error });
        return Promise.resolve();
      };
    });
  const running = world.send("execute_request", { code: "for (;;) {}" });
  const waiting = world.send("execute_request", { code: "next", stop_on_error: false });
  await new Promise((resolve) => setTimeout(resolve, 5));
  await world.request("interrupt_request", {}, { channel: "control" });
  expect((await world.answerTo(running)).reply.content).toMatchObject({
    status: "error",
    ename: "KeyboardInterrupt",
    evalue: "Execution interrupted",
  });
  expect((await world.answerTo(waiting)).reply.content).toMatchObject({ ename: "ExecutionAborted" });
  expect(world.language.log).toContainEqual(["commit", 1, ["x"]]);
});

test("an interrupt during the type check ends the cell at once and never runs it", async () => {
  const world = new KernelWorld();
  await world.request("is_complete_request", { code: "" });
  world.language.onCompile = () => never;
  const cell = world.send("execute_request", { code: "slow to check" });
  await new Promise((resolve) => setTimeout(resolve, 5));
  await world.request("interrupt_request", {}, { channel: "control" });
  expect((await world.answerTo(cell)).reply.content).toMatchObject({ ename: "KeyboardInterrupt" });
  expect(world.session.log).toEqual(["start"]);
});

test("the death of the session is the running cell's error; session and type world begin anew", async () => {
  const world = new KernelWorld();
  world.session.onExecute = ({ cell }) => {
    if (cell.source === "process.exit(3)") world.session.die("last words\n");
    return { status: "ok", assigned: [] };
  };
  const { reply, broadcasts } = await world.execute("process.exit(3)");
  expect(kinds(broadcasts)).toEqual(["busy", "execute_input", "error", "idle"]);
  expect(reply.content).toMatchObject({ status: "error", ename: "SessionExited" });
  expect(reply.content.evalue).toContain("exit code 3");
  expect(reply.content.evalue).toContain("run your cells again");
  expect((reply.content.traceback as string[]).join("\n")).toContain("last words");
  expect(world.session.log.filter((entry) => entry === "start")).toHaveLength(2);
  expect(world.languages.map(({ isClosed }) => isClosed)).toEqual([true, false]);
  expect((await world.execute("1")).reply.content.status).toBe("ok");
});

test("a session that dies between cells says so under the latest cell", async () => {
  const world = new KernelWorld();
  const { reply } = await world.execute("1");
  world.session.die("out of memory");
  const id = reply.parent_header.msg_id;
  await world.until(() => world.broadcastsOf(id).at(-1)?.header.msg_type === "stream");
  expect(world.broadcastsOf(id).at(-1)?.content).toMatchObject({ name: "stderr" });
  expect(world.broadcastsOf(id).at(-1)?.content.text).toContain("out of memory");
});

test("a session that dies before it ran anything is started again only when a cell needs it", async () => {
  const world = new KernelWorld();
  world.session.die();
  expect(world.session.log).toEqual(["start"]);
  expect((await world.execute("1")).reply.content.status).toBe("ok");
  expect(world.session.log.filter((entry) => entry === "start")).toHaveLength(2);
});

test("a session that cannot start is the cell's error, and the next cell tries again", async () => {
  const world = new KernelWorld();
  world.session.die();
  world.session.onStart = () => Promise.reject(new Error("no memory for a process"));
  expect((await world.execute("1")).reply.content.evalue).toContain("no memory for a process");
  world.session.onStart = () => Promise.resolve();
  expect((await world.execute("1")).reply.content.status).toBe("ok");
});

test("a shutdown answers what waits, replies on its channel and on IOPub, and closes all parts", async () => {
  const world = new KernelWorld();
  world.session.onExecute = () => never;
  const running = world.send("execute_request", { code: "for (;;) {}" });
  const waiting = world.send("execute_request", { code: "next" });
  await new Promise((resolve) => setTimeout(resolve, 5));
  const { reply, broadcasts } = await world.request("shutdown_request", { restart: true }, { channel: "control" });
  expect(reply.content).toEqual({ status: "ok", restart: true });
  expect(kinds(broadcasts)).toEqual(["busy", "shutdown_reply", "idle"]);
  await world.kernel.closed;
  expect((await world.answerTo(running)).reply.content).toMatchObject({ ename: "KeyboardInterrupt" });
  expect((await world.answerTo(waiting)).reply.content).toMatchObject({ ename: "ExecutionAborted" });
  expect(world.session.log.at(-1)).toBe("close");
  expect(world.language.isClosed).toBe(true);
  expect(world.transport.isClosed).toBe(true);
});

test("usage adds the kernel's process to the session's", async () => {
  const world = new KernelWorld();
  await world.execute("1");
  const { content } = (await world.request("usage_request", {}, { channel: "control" })).reply;
  expect(content).toMatchObject({ status: "ok", pid: 7 });
  expect(content.kernel_cpu).toBeGreaterThanOrEqual(50);
  expect(content.kernel_memory).toBeGreaterThan(1e9);
});

test("usage is told at once, of the kernel alone while no session answers", async () => {
  const world = new KernelWorld();
  await world.execute("1");
  world.session.onStart = () => never;
  world.session.die();
  const { content } = (await world.request("usage_request", {}, { channel: "control" })).reply;
  expect(content).toMatchObject({ status: "ok", pid: process.pid });
});

test("completions count in code points and carry kinds for JupyterLab", async () => {
  const world = new KernelWorld();
  await world.request("is_complete_request", { code: "" });
  world.language.completion = { start: 4, end: 6, items: [{ text: "slice", kind: "method", signature: "(): string" }] };
  const { reply } = await world.request("complete_request", { code: '"🦈".s', cursor_pos: 5 });
  expect(world.language.log).toContainEqual(["complete", { code: '"🦈".s', offset: 6 }]);
  expect(reply.content).toEqual({
    status: "ok",
    matches: ["slice"],
    cursor_start: 3,
    cursor_end: 5,
    metadata: {
      _jupyter_types_experimental: [{ text: "slice", type: "method", signature: "(): string", start: 3, end: 5 }],
    },
  });
});

test("a hover is text and markdown; nothing found is still a reply", async () => {
  const world = new KernelWorld();
  expect((await world.request("inspect_request", { code: "x", cursor_pos: 1 })).reply.content).toMatchObject({
    status: "ok",
    found: false,
  });
  world.language.hover = { markdown: "**x**", text: "x" };
  expect((await world.request("inspect_request", { code: "x", cursor_pos: 1 })).reply.content).toEqual({
    status: "ok",
    found: true,
    data: { "text/plain": "x", "text/markdown": "**x**" },
    metadata: {},
  });
});

test("user expressions come back as values or errors, each by its name", async () => {
  const world = new KernelWorld();
  await world.request("is_complete_request", { code: "" });
  world.language.onCompile = ({ code }, version) =>
    code === "1 +"
      ? { diagnostics: [{ category: "error", code: 1109, message: "Expression expected.", start: 3, length: 0 }] }
      : { cell: compiledCell(code, version), diagnostics: [] };
  world.session.onExecute = ({ userExpressions }) => {
    expect(Object.keys(userExpressions ?? {})).toEqual(["sum", "gone"]);
    const error = { ename: "ReferenceError", evalue: "x", traceback: [] };
    return { status: "ok", assigned: [], userExpressions: { sum: { data: { "text/plain": "3" } }, gone: { error } } };
  };
  const { reply } = await world.execute("1", { user_expressions: { sum: "1 + 2", gone: "x", bad: "1 +" } });
  expect(reply.content.user_expressions).toMatchObject({
    sum: { status: "ok", data: { "text/plain": "3" }, metadata: {} },
    gone: { status: "error", ename: "ReferenceError" },
    bad: { status: "error", ename: "SyntaxError", evalue: "Expression expected." },
  });
});
