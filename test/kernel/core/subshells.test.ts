/** What a kernel promises about subshells, JEP 91. */
import { expect, test, vi } from "vitest";
import { MessageComposer } from "../../../kernel/src/protocol/header.ts";
import type { Message } from "../../../kernel/src/protocol/messages.ts";
import type { ExecuteOutcome, ExecuteRequest } from "../../../kernel/src/session/session.ts";
import { type Answer, KernelWorld, kinds } from "../../support/kernel/kernel-world.ts";

const OK: ExecuteOutcome = { status: "ok", assigned: [] };
const FAILURE: ExecuteOutcome = {
  status: "error",
  assigned: [],
  error: { ename: "Error", evalue: "", traceback: [] },
};
const composer = new MessageComposer();

/** Cells that end when a test says so, by their text. */
class OpenCells {
  readonly begun = new Map<string, ExecuteRequest>();
  private readonly ends = new Map<string, (outcome: ExecuteOutcome) => void>();

  constructor({ session }: KernelWorld) {
    session.onExecute = (request) => {
      this.begun.set(request.cell.source, request);
      return new Promise((resolve) => this.ends.set(request.cell.source, resolve));
    };
    session.interrupt = () => {
      for (const end of this.ends.values()) end(FAILURE);
      return Promise.resolve();
    };
  }

  end(code: string, outcome: ExecuteOutcome = OK): void {
    this.ends.get(code)?.(outcome);
  }

  /** Wait until a cell runs. */
  async running(code: string): Promise<ExecuteRequest> {
    await vi.waitUntil(() => this.begun.has(code));
    return this.begun.get(code) as ExecuteRequest;
  }
}

function start(world: KernelWorld, code: string, subshellId?: string, content: object = {}): Promise<Answer> {
  const options = subshellId === undefined ? {} : { subshellId };
  return world.answerTo(world.send("execute_request", { code, ...content }, options));
}

async function list(world: KernelWorld): Promise<unknown> {
  return (await world.request("list_subshell_request", {}, { channel: "control" })).reply.content.subshell_id;
}

async function deleteSubshell(world: KernelWorld, id: string): Promise<Message> {
  return (await world.request("delete_subshell_request", { subshell_id: id }, { channel: "control" })).reply;
}

function questions(world: KernelWorld): Message[] {
  return world.transport.sent.filter(({ channel }) => channel === "stdin").map(({ message }) => message);
}

test("kernel_info says that there are subshells", async () => {
  const { reply } = await new KernelWorld().request("kernel_info_request");
  expect(reply.content.supported_features).toContain("kernel subshells");
});

test("a subshell is listed from its creation to its deletion", async () => {
  const world = new KernelWorld();
  expect(await list(world)).toEqual([]);
  const [first, second] = [await world.createSubshell(), await world.createSubshell()];
  expect(await list(world)).toEqual([first, second]);
  expect((await deleteSubshell(world, first)).content).toEqual({ status: "ok" });
  expect(await list(world)).toEqual([second]);
});

test("a subshell's cell runs beside the main shell's, each with its own header and output", async () => {
  const world = new KernelWorld();
  const id = await world.createSubshell();
  const cells = new OpenCells(world);
  const [slow, quick] = [start(world, "slow"), start(world, "quick", id)];
  const [inMain, inSubshell] = [await cells.running("slow"), await cells.running("quick")];
  world.session.print(inMain, "main 1\n");
  world.session.print(inSubshell, "subshell\n");
  world.session.print(inMain, "main 2\n");
  cells.end("quick");
  const answer = await quick;
  expect(answer.sent.map(({ message }) => message.parent_header)).toEqual(
    answer.sent.map(() => expect.objectContaining({ subshell_id: id }) as unknown),
  );
  expect(kinds(answer.broadcasts)).toEqual(["busy", "execute_input", "stream", "idle"]);
  expect(world.broadcasts().at(-1)).toMatchObject({ parent_header: {}, content: { execution_state: "busy" } });
  cells.end("slow");
  const texts = (await slow).broadcasts.map(({ content }) => (typeof content.text === "string" ? content.text : ""));
  expect(texts.join("")).toBe("main 1\nmain 2\n");
  expect(world.broadcasts().at(-1)?.content.execution_state).toBe("idle");
});

test("cells of one subshell run one after the other", async () => {
  const world = new KernelWorld();
  const id = await world.createSubshell();
  const cells = new OpenCells(world);
  const answers = [start(world, "a", id), start(world, "b", id)];
  await cells.running("a");
  await world.request("kernel_info_request");
  expect(cells.begun.has("b")).toBe(false);
  cells.end("a");
  await cells.running("b");
  cells.end("b");
  expect((await Promise.all(answers)).map(({ reply }) => reply.content.status)).toEqual(["ok", "ok"]);
});

test("each shell counts its cells and remembers them for itself", async () => {
  const world = new KernelWorld();
  const id = await world.createSubshell();
  await world.execute("one");
  await world.execute("two");
  expect((await start(world, "other", id)).reply.content.execution_count).toBe(1);
  expect((await start(world, "quiet", id, { silent: true })).reply.content.execution_count).toBe(1);
  const tail = { hist_access_type: "tail", n: 9, output: false, raw: true };
  const inputs = async (options: { subshellId?: string }) =>
    (await world.request("history_request", tail, options)).reply.content.history;
  expect(await inputs({})).toEqual([
    [1, 1, "one"],
    [1, 2, "two"],
  ]);
  expect(await inputs({ subshellId: id })).toEqual([[1, 1, "other"]]);
});

test.each([
  ["complete_request", { code: "a", cursor_pos: 1 }],
  ["inspect_request", { code: "a", cursor_pos: 1 }],
  ["is_complete_request", { code: "a" }],
  ["history_request", { hist_access_type: "tail", n: 1 }],
  ["comm_info_request", {}],
  ["kernel_info_request", {}],
  ["execute_request", { code: "" }],
])("%s is answered in a subshell, and refused in an unknown one", async (type, content) => {
  const world = new KernelWorld();
  const { reply } = await world.request(type, content, { subshellId: await world.createSubshell() });
  expect(reply.content.status).toMatch(/^(ok|complete)$/);
  const refused = await world.request(type, content, { subshellId: "nobody" });
  expect(kinds(refused.sent.map(({ message }) => message))).toEqual(["busy", type.replace("request", "reply"), "idle"]);
  expect(refused.reply.content).toMatchObject({
    status: "error",
    ename: "UnknownSubshellError",
    evalue: expect.stringContaining('no subshell "nobody"') as string,
  });
});

test("a comm cannot be opened in an unknown subshell, and front ends hear of it", async () => {
  const world = new KernelWorld();
  const content = { comm_id: "c", target_name: "mobula.widget.v1", data: {} };
  const { broadcasts } = await world.request("comm_open", content, { subshellId: "nobody" });
  expect(kinds(broadcasts)).toEqual(["busy", "comm_close", "idle"]);
});

test("the last message of a comm arrives, though its subshell was deleted on the other channel before", async () => {
  const world = new KernelWorld();
  const id = await world.createSubshell();
  await world.request("comm_open", { comm_id: "c", target_name: "mobula.widget.v1", data: {} }, { subshellId: id });
  await deleteSubshell(world, id);
  await world.request("comm_close", { comm_id: "c", data: {} }, { subshellId: id });
  expect((await world.request("comm_info_request")).reply.content.comms).toEqual({});
});

test("null stands for the main shell, and control asks for no shell in particular", async () => {
  const world = new KernelWorld();
  const request = composer.message("execute_request", { code: "1" });
  const send = (channel: "shell" | "control", id: string | null) => {
    const header = { ...request.header, msg_id: `${channel} ${id}`, subshell_id: id };
    world.transport.request(channel, { ...request, header });
    return world.answerTo(header.msg_id);
  };
  expect((await send("shell", null)).reply.content).toMatchObject({ status: "ok", execution_count: 1 });
  expect((await send("control", "nobody")).reply.content).toMatchObject({ status: "ok", execution_count: 2 });
});

test("a failed cell aborts what waits in its own shell only", async () => {
  const world = new KernelWorld();
  const id = await world.createSubshell();
  const cells = new OpenCells(world);
  const answers = [start(world, "fails", id), start(world, "behind", id), start(world, "slow"), start(world, "last")];
  await cells.running("fails");
  await cells.running("slow");
  cells.end("fails", FAILURE);
  expect((await answers[1])?.reply.content).toMatchObject({ status: "error", ename: "ExecutionAborted" });
  cells.end("slow");
  await cells.running("last");
  cells.end("last");
  const statuses = (await Promise.all(answers)).map(({ reply }) => reply.content.status);
  expect(statuses).toEqual(["error", "error", "ok", "ok"]);
});

test("a deleted subshell ends its running cell before the answer, and aborts those behind it", async () => {
  const world = new KernelWorld();
  const id = await world.createSubshell();
  const cells = new OpenCells(world);
  const [running, behind] = [start(world, "running", id), start(world, "behind", id)];
  await cells.running("running");
  let isDeleted = false;
  const deleted = deleteSubshell(world, id).then(() => {
    isDeleted = true;
  });
  expect((await behind).reply.content).toMatchObject({
    ename: "ExecutionAborted",
    evalue: "The subshell of this cell was deleted.",
  });
  expect(await list(world)).toEqual([]);
  expect((await start(world, "late", id)).reply.content.ename).toBe("UnknownSubshellError");
  expect(isDeleted).toBe(false);
  cells.end("running");
  expect((await running).reply.content.status).toBe("ok");
  await deleted;
});

test("deleting a subshell twice, or none, is an error", async () => {
  const world = new KernelWorld();
  const id = await world.createSubshell();
  await deleteSubshell(world, id);
  expect((await deleteSubshell(world, id)).content).toMatchObject({ status: "error", ename: "UnknownSubshellError" });
  const { reply } = await world.request("delete_subshell_request", {}, { channel: "control" });
  expect(reply.content).toMatchObject({ status: "error", ename: "InvalidRequestError" });
});

test("an interrupt stops the cells of all shells, also of one that is being deleted", async () => {
  const world = new KernelWorld();
  const [id, deletedId] = [await world.createSubshell(), await world.createSubshell()];
  const cells = new OpenCells(world);
  const answers = [start(world, "main"), start(world, "sub", id), start(world, "old", deletedId)];
  const behind = start(world, "behind", id);
  await Promise.all(["main", "sub", "old"].map((code) => cells.running(code)));
  const deleted = deleteSubshell(world, deletedId);
  await world.request("interrupt_request", {}, { channel: "control" });
  for (const { reply } of await Promise.all(answers)) expect(reply.content.ename).toBe("KeyboardInterrupt");
  expect((await behind).reply.content.ename).toBe("ExecutionAborted");
  expect((await deleted).content.status).toBe("ok");
});

test("a cell that comes while an interrupt is under way runs when it is over", async () => {
  const world = new KernelWorld();
  const id = await world.createSubshell();
  const cells = new OpenCells(world);
  let confirm: () => void = () => {};
  const first = start(world, "first");
  await cells.running("first");
  world.session.interrupt = () => new Promise((resolve) => (confirm = resolve));
  const interrupted = world.request("interrupt_request", {}, { channel: "control" });
  cells.end("first", FAILURE);
  await first;
  const next = start(world, "next", id);
  await vi.waitUntil(() => world.language.log.some((entry) => JSON.stringify(entry).includes("next")));
  await world.request("is_complete_request", { code: "" });
  expect(cells.begun.has("next")).toBe(false);
  confirm();
  await interrupted;
  await cells.running("next");
  cells.end("next");
  expect((await next).reply.content.status).toBe("ok");
});

test("cells of two shells ask at the same time, and each gets its own answer", async () => {
  const world = new KernelWorld();
  const id = await world.createSubshell();
  world.session.onExecute = async (request) => {
    const answer = await world.session.ask(request, `${request.cell.source}? `);
    return { ...OK, result: { data: { "text/plain": JSON.stringify(answer) }, metadata: {} } };
  };
  const answers = [start(world, "main"), start(world, "sub", id)];
  await vi.waitUntil(() => questions(world).length === 2);
  const [, second] = questions(world);
  expect(questions(world).map(({ parent_header: { subshell_id } }) => subshell_id)).toEqual([undefined, id]);
  for (const question of [second, questions(world)[0]]) {
    const value = String(question?.content.prompt).toUpperCase();
    world.transport.input(composer.message("input_reply", { value }, { parent: question?.header ?? {} }));
  }
  const results = (await Promise.all(answers)).map(({ broadcasts }) => broadcasts.map(({ content }) => content.data));
  expect(JSON.stringify(results[0])).toContain("MAIN? ");
  expect(JSON.stringify(results[1])).toContain("SUB? ");
});

test("output that names no cell goes to the newest that runs", async () => {
  const world = new KernelWorld();
  const id = await world.createSubshell();
  const cells = new OpenCells(world);
  const [main, quick] = [start(world, "main"), start(world, "quick", id)];
  await cells.running("main");
  await cells.running("quick");
  const printLoose = (text: string) => world.session.emit({ type: "stream", name: "stdout", text });
  printLoose("to quick\n");
  cells.end("quick");
  expect((await quick).broadcasts.map(({ content }) => content.text)).toContain("to quick\n");
  printLoose("to main\n");
  cells.end("main");
  expect((await main).broadcasts.map(({ content }) => content.text)).toContain("to main\n");
});

test("a cell is compiled with the names that another shell's running cell declares", async () => {
  const world = new KernelWorld();
  const id = await world.createSubshell();
  const cells = new OpenCells(world);
  const main = start(world, "main");
  await cells.running("main");
  await world.request("complete_request", { code: "m" }, { subshellId: id });
  const sub = start(world, "sub", id);
  await cells.running("sub");
  cells.end("main");
  cells.end("sub");
  await Promise.all([main, sub]);
  const calls = world.language.log.map((entry) => (entry as [string, ...unknown[]]).slice(0, 2));
  const expected = [
    ["lend", 1],
    ["complete", expect.anything()],
    ["compile", expect.anything()],
    ["commit", 1],
  ];
  expect(calls.slice(1, 5)).toEqual(expected);
});

test("npm changes one folder, so it runs for one shell after the other", async () => {
  const world = new KernelWorld();
  const id = await world.createSubshell();
  const ends: (() => void)[] = [];
  world.npm.run = ({ args }) => {
    world.npm.runs.push(args);
    return new Promise((resolve) => ends.push(() => resolve(0)));
  };
  const answers = [start(world, "%npm install a"), start(world, "%npm install b", id)];
  await vi.waitUntil(() => ends.length > 0);
  await world.request("kernel_info_request");
  expect(world.npm.runs).toEqual([["install", "a"]]);
  ends[0]?.();
  await vi.waitUntil(() => ends.length > 1);
  ends[1]?.();
  for (const { reply } of await Promise.all(answers)) expect(reply.content.status).toBe("ok");
});

test("the death of the session fails the cells of all shells", async () => {
  const world = new KernelWorld();
  const id = await world.createSubshell();
  const cells = new OpenCells(world);
  const answers = [start(world, "main"), start(world, "sub", id)];
  await cells.running("main");
  await cells.running("sub");
  world.session.die();
  for (const { reply } of await Promise.all(answers)) expect(reply.content.ename).toBe("SessionExited");
  expect(await list(world)).toEqual([id]);
});

test("a shutdown answers what runs and what waits in all shells", async () => {
  const world = new KernelWorld();
  const id = await world.createSubshell();
  const cells = new OpenCells(world);
  const answers = [start(world, "main"), start(world, "sub", id), start(world, "behind", id)];
  await cells.running("main");
  await cells.running("sub");
  await world.request("shutdown_request", { restart: false }, { channel: "control" });
  const names = (await Promise.all(answers)).map(({ reply }) => reply.content.ename);
  expect(names).toEqual(["KeyboardInterrupt", "KeyboardInterrupt", "ExecutionAborted"]);
  await world.kernel.closed;
});
