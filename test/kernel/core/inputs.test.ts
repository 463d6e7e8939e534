import { expect, test } from "vitest";
import { MessageComposer } from "../../../kernel/src/protocol/header.ts";
import type { Message, ParentHeader } from "../../../kernel/src/protocol/messages.ts";
import type { ExecuteRequest, InputAnswer } from "../../../kernel/src/session/session.ts";
import { KernelWorld } from "../../support/kernel/kernel-world.ts";

const composer = new MessageComposer();

/** Run a cell that asks `prompts` at once and waits for all answers. */
function runAsking(world: KernelWorld, ...prompts: readonly string[]): { id: string; answers: Promise<InputAnswer[]> } {
  const answers = new Promise<InputAnswer[]>((resolve) => {
    world.session.onExecute = async (request) => {
      resolve(await Promise.all(prompts.map((prompt) => world.session.ask(request, prompt))));
      return { status: "ok", assigned: [] };
    };
  });
  return { id: world.send("execute_request", { code: "ask" }), answers };
}

/** What the kernel has asked, after the first `count` questions. */
async function questions(world: KernelWorld, count: number): Promise<Message[]> {
  const asked = () => world.transport.sent.filter(({ channel }) => channel === "stdin").map(({ message }) => message);
  await world.until(() => asked().length >= count);
  return asked();
}

function reply(world: KernelWorld, value: unknown, parent: ParentHeader = {}, identity?: string): void {
  world.transport.input(composer.message("input_reply", { status: "ok", value }, { parent }), identity);
}

test("a question goes to the client that sent the cell, under the cell's header", async () => {
  const world = new KernelWorld();
  const { id, answers } = runAsking(world, "name? ");
  const [question] = await questions(world, 1);
  expect(question).toMatchObject({
    header: { msg_type: "input_request" },
    parent_header: { msg_id: id },
    content: { prompt: "name? ", password: false },
  });
  const sent = world.transport.sent.find(({ channel }) => channel === "stdin");
  expect(String(sent?.identities[0])).toBe("client");
  reply(world, "Ada", question?.header);
  expect(await answers).toEqual([{ type: "given", text: "Ada" }]);
});

test("printed text goes out before the question", async () => {
  const world = new KernelWorld();
  world.session.onExecute = async (request) => {
    world.session.print(request, "please answer\n");
    await world.session.ask(request, "?");
    return { status: "ok", assigned: [] };
  };
  world.send("execute_request", { code: "ask" });
  const [question] = await questions(world, 1);
  const types = world.transport.sent.map(({ message }) => message.header.msg_type);
  expect(types.slice(-2)).toEqual(["stream", "input_request"]);
  reply(world, "", question?.header);
});

test("several questions are asked one after the other", async () => {
  const world = new KernelWorld();
  const { answers } = runAsking(world, "1", "2");
  const [first] = await questions(world, 1);
  expect(await questions(world, 1)).toHaveLength(1);
  reply(world, "one", first?.header);
  const [, second] = await questions(world, 2);
  expect(second?.content.prompt).toBe("2");
  reply(world, "two", second?.header);
  expect(await answers).toEqual([
    { type: "given", text: "one" },
    { type: "given", text: "two" },
  ]);
});

test("an answer without a parent counts when it comes from the client that was asked", async () => {
  const world = new KernelWorld();
  const { answers } = runAsking(world, "?");
  await questions(world, 1);
  reply(world, "from somebody else", {}, "other");
  reply(world, "mine");
  expect(await answers).toEqual([{ type: "given", text: "mine" }]);
});

test("an answer to an earlier question is dropped", async () => {
  const world = new KernelWorld();
  const first = runAsking(world, "?");
  const [question] = await questions(world, 1);
  reply(world, "first", question?.header);
  await first.answers;
  await world.answerTo(first.id);
  const second = runAsking(world, "?");
  const [, next] = await questions(world, 2);
  reply(world, "stale", question?.header);
  reply(world, "second", next?.header);
  expect(await second.answers).toEqual([{ type: "given", text: "second" }]);
});

test("Ctrl-D ends the input", async () => {
  const world = new KernelWorld();
  const { answers } = runAsking(world, "?");
  const [question] = await questions(world, 1);
  reply(world, "\u0004", question?.header);
  expect(await answers).toEqual([{ type: "given", text: null }]);
});

test("a client that is not on the input channel cannot be asked", async () => {
  const world = new KernelWorld();
  world.transport.hasStdin = false;
  const { answers } = runAsking(world, "1", "2");
  const refused = { type: "refused", reason: expect.stringContaining("not connected to the input channel") as string };
  expect(await answers).toEqual([refused, refused]);
});

test("a question of a cell that has ended is refused", async () => {
  const world = new KernelWorld();
  let ended: ExecuteRequest | undefined;
  world.session.onExecute = (request) => {
    ended = request;
    return { status: "ok", assigned: [] };
  };
  await world.execute("1");
  expect(await world.session.ask(ended as ExecuteRequest, "late")).toMatchObject({ type: "refused" });
});

test("a stopped cell's question is forgotten, and the next cell asks its own", async () => {
  const world = new KernelWorld();
  const stopped = runAsking(world, "never answered");
  const [question] = await questions(world, 1);
  world.session.die();
  await world.answerTo(stopped.id);
  const next = runAsking(world, "again");
  const [, second] = await questions(world, 2);
  reply(world, "late", question?.header);
  reply(world, "in time", second?.header);
  expect(await next.answers).toEqual([{ type: "given", text: "in time" }]);
});
