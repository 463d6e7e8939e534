import { expect, test } from "vitest";
import type { CommEndpointEvents, ToEndpoint } from "../../../kernel/src/transport/comm-endpoint.ts";
import { KernelWorld, kinds } from "../../support/kernel/kernel-world.ts";

/** A world whose delegated addresses are played by the test. */
function commWorld() {
  const connections: { address: string; received: ToEndpoint[]; events: CommEndpointEvents; isClosed: boolean }[] = [];
  const world = new KernelWorld({
    openCommEndpoint: (address, events) => {
      const connection = { address, received: [] as ToEndpoint[], events, isClosed: false };
      connections.push(connection);
      return {
        send: (message) => connection.received.push(message),
        close: () => {
          connection.isClosed = true;
        },
      };
    },
  });
  world.session.emit({ type: "comm-target-delegated", target: "cluster", address: "/run/head.sock" });
  const open = (commId: string) =>
    world.request("comm_open", { comm_id: commId, target_name: "cluster", data: { hello: 1 } });
  return { world, connections, open };
}

test("a comm to an unknown target is closed at once", async () => {
  const { world } = commWorld();
  const { broadcasts } = await world.request("comm_open", { comm_id: "1", target_name: "widgets", data: {} });
  expect(kinds(broadcasts)).toEqual(["busy", "comm_close", "idle"]);
  expect(broadcasts[1]?.content).toEqual({ comm_id: "1", data: { reason: "no target 'widgets' in this kernel" } });
});

test("each comm of a delegated target has a connection of its own, and messages go both ways", async () => {
  const { world, connections, open } = commWorld();
  const opened = await open("1");
  await open("2");
  expect(connections.map(({ address }) => address)).toEqual(["/run/head.sock", "/run/head.sock"]);
  expect(connections[0]?.received).toEqual([
    { type: "comm-open", commId: "1", target: "cluster", data: { hello: 1 }, buffers: [] },
  ]);
  await world.request("comm_msg", { comm_id: "1", data: { ping: 1 } });
  expect(connections[0]?.received.at(-1)).toEqual({ type: "comm-message", data: { ping: 1 }, buffers: [] });
  connections[0]?.events.onMessage({ type: "comm-message", data: { pong: 1 } });
  const message = world.broadcasts().at(-1);
  expect(message).toMatchObject({ header: { msg_type: "comm_msg" }, content: { comm_id: "1", data: { pong: 1 } } });
  expect(message?.parent_header.msg_id).toBe(opened.broadcasts[0]?.parent_header.msg_id);
  expect(connections[1]?.received).toHaveLength(1);
});

test("binary buffers travel with the messages, both ways", async () => {
  const { world, connections, open } = commWorld();
  await open("1");
  const buffers = [Buffer.from([0, 255, 10]), Buffer.alloc(0)];
  await world.request("comm_msg", { comm_id: "1", data: {} }, { buffers });
  expect(connections[0]?.received.at(-1)).toEqual({ type: "comm-message", data: {}, buffers });
  connections[0]?.events.onMessage({ type: "comm-message", data: {}, buffers });
  expect(world.broadcasts().at(-1)?.buffers).toEqual(buffers);
});

test("open comms are listed, all or by target", async () => {
  const { world, open } = commWorld();
  await open("1");
  const list = async (content: object) => (await world.request("comm_info_request", content)).reply.content.comms;
  expect(await list({})).toEqual({ 1: { target_name: "cluster" } });
  expect(await list({ target_name: "widgets" })).toEqual({});
});

test("a comm closed by the front end tells the address and hangs up", async () => {
  const { world, connections, open } = commWorld();
  await open("1");
  const { broadcasts } = await world.request("comm_close", { comm_id: "1", data: { bye: 1 } });
  expect(kinds(broadcasts)).toEqual(["busy", "idle"]);
  expect(connections[0]?.received.at(-1)).toEqual({ type: "comm-close", data: { bye: 1 }, buffers: [] });
  expect(connections[0]?.isClosed).toBe(true);
});

test("a comm closed by the address, or whose address goes away, is closed in the front end, once", async () => {
  const { world, connections, open } = commWorld();
  await open("1");
  await open("2");
  connections[0]?.events.onMessage({ type: "comm-close", data: { bye: 1 } });
  connections[0]?.events.onEnd("gone");
  connections[1]?.events.onEnd("connection refused");
  const closes = world.broadcasts().filter(({ header }) => header.msg_type === "comm_close");
  expect(closes.map(({ content }) => content)).toEqual([
    { comm_id: "1", data: { bye: 1 } },
    { comm_id: "2", data: { reason: "connection refused" } },
  ]);
});

test("a withdrawn target closes its comms and takes no more", async () => {
  const { world, connections, open } = commWorld();
  await open("1");
  world.session.emit({ type: "comm-target-withdrawn", target: "cluster" });
  expect(connections[0]?.isClosed).toBe(true);
  expect(kinds((await open("2")).broadcasts)).toEqual(["busy", "comm_close", "idle"]);
  expect(connections).toHaveLength(1);
});

test("the death of the session withdraws what it delegated", async () => {
  const { world, connections, open } = commWorld();
  await open("1");
  world.session.die();
  expect(connections[0]?.isClosed).toBe(true);
  expect(world.broadcasts().some(({ header }) => header.msg_type === "comm_close")).toBe(true);
});

test("a comm is served while a cell runs", async () => {
  const { world, connections, open } = commWorld();
  world.session.onExecute = () => new Promise(() => {});
  world.send("execute_request", { code: "for (;;) {}" });
  await open("1");
  connections[0]?.events.onMessage({ type: "comm-message", data: { alive: true } });
  expect(world.broadcasts().at(-1)?.content).toEqual({ comm_id: "1", data: { alive: true } });
});
