import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { Dealer, Request, Subscriber, XSubscriber } from "zeromq";
import { type Channel, type Connection, channelAddress } from "../../../kernel/src/protocol/connection-file.ts";
import { decodeFrames, encodeFrames } from "../../../kernel/src/protocol/frames.ts";
import { MessageComposer } from "../../../kernel/src/protocol/header.ts";
import type { Transport } from "../../../kernel/src/transport/transport.ts";
import { bindZmqTransport } from "../../../kernel/src/transport/zmq.ts";

const composer = new MessageComposer();

async function ipcConnection(): Promise<Connection> {
  const folder = await mkdtemp(join(tmpdir(), "zmq-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const ports = { shell: 1, control: 2, stdin: 3, iopub: 4, hb: 5 };
  return { transport: "ipc", ip: join(folder, "c"), ports, key: "secret" };
}

/** A bound transport that answers every request with its own content and welcomes subscribers. */
async function echoKernel(
  connection?: Connection,
): Promise<{ transport: Transport; at: Connection; warnings: string[] }> {
  const at = connection ?? (await ipcConnection());
  const warnings: string[] = [];
  const transport = await bindZmqTransport(at, (text) => warnings.push(text));
  onTestFinished(() => transport.close());
  transport.listen({
    onInput: () => {},
    onRequest: (channel, { identities, message }) => {
      transport.reply(channel, identities, composer.message("echo_reply", message.content, { parent: message.header }));
    },
    onSubscription: (topic) => transport.publish(topic, composer.message("iopub_welcome", { subscription: topic })),
  });
  return { transport, at, warnings };
}

function connectTo<T extends Dealer | Request | Subscriber | XSubscriber>(
  socket: T,
  at: Connection,
  channel: Channel,
): T {
  socket.linger = 0;
  socket.receiveTimeout = 15_000;
  socket.connect(channelAddress(at, channel));
  onTestFinished(() => socket.close());
  return socket;
}

test("a request on shell and on control is answered to the peer that sent it", async () => {
  const { at } = await echoKernel();
  for (const channel of ["shell", "control"] as const) {
    const [one, other] = [connectTo(new Dealer(), at, channel), connectTo(new Dealer(), at, channel)];
    await one.send(encodeFrames("secret", [], composer.message("x_request", { from: "one" })));
    await other.send(encodeFrames("secret", [], composer.message("x_request", { from: "other" })));
    expect(decodeFrames("secret", await one.receive()).message.content).toEqual({ from: "one" });
    expect(decodeFrames("secret", await other.receive()).message.content).toEqual({ from: "other" });
  }
});

test("a wrongly signed message and noise are dropped with a warning; the next message is answered", async () => {
  const { at, warnings } = await echoKernel();
  const peer = connectTo(new Dealer(), at, "shell");
  await peer.send(encodeFrames("guess", [], composer.message("x_request", { evil: true })));
  await peer.send(["noise"]);
  await peer.send(encodeFrames("secret", [], composer.message("x_request", { good: true })));
  expect(decodeFrames("secret", await peer.receive()).message.content).toEqual({ good: true });
  expect(warnings).toHaveLength(2);
  expect(warnings[0]).toContain("wrong signature");
});

test("every subscriber is welcomed: SUB and XSUB, the second one too, and only for subscriptions", async () => {
  const { at } = await echoKernel();
  for (let count = 0; count < 2; count++) {
    const subscriber = connectTo(new Subscriber(), at, "iopub");
    subscriber.subscribe();
    expect(decodeFrames("secret", await subscriber.receive()).message.header.msg_type).toBe("iopub_welcome");
  }
  const raw = connectTo(new XSubscriber(), at, "iopub");
  await raw.send(Buffer.from([2, 65]));
  await raw.send(Buffer.from([1, ...Buffer.from("kernel.")]));
  const { identities, message } = decodeFrames("secret", await raw.receive());
  expect(Buffer.from(identities[0] ?? []).toString()).toBe("kernel.");
  expect(message.content).toEqual({ subscription: "kernel." });
});

test("heartbeats come back as they are", async () => {
  const { at } = await echoKernel();
  const peer = connectTo(new Request(), at, "hb");
  await peer.send(["ping", "pong"]);
  expect((await peer.receive()).map(String)).toEqual(["ping", "pong"]);
});

test("a thousand broadcasts arrive in order, and closing waits for them", async () => {
  const { transport, at } = await echoKernel();
  const subscriber = new Subscriber({ receiveHighWaterMark: 0 });
  connectTo(subscriber, at, "iopub").subscribe();
  await subscriber.receive();
  for (let n = 0; n < 1000; n++) transport.publish("t", composer.message("stream", { n }));
  const closed = transport.close();
  for (let n = 0; n < 1000; n++) {
    expect(decodeFrames("secret", await subscriber.receive()).message.content.n).toBe(n);
  }
  await closed;
});

test("an address that is taken is refused with its name, and the other sockets are let go", async () => {
  const servers = await Promise.all([1, 2, 3, 4, 5].map(() => listenAnywhere()));
  const [shell = 0, control = 0, stdin = 0, hb = 0, iopub = 0] = servers.map(
    (server) => (server.address() as AddressInfo).port,
  );
  const free = servers.slice(0, 4);
  await Promise.all(free.map((server) => new Promise((resolve) => server.close(resolve))));
  const at: Connection = { transport: "tcp", ip: "127.0.0.1", ports: { shell, control, stdin, iopub, hb }, key: "" };
  await expect(echoKernel(at)).rejects.toThrow(`iopub channel to tcp://127.0.0.1:${iopub}`);
  await new Promise((resolve) => servers[4]?.close(resolve));
  // ZeroMQ closes sockets in a thread of its own.
  await vi.waitFor(() => echoKernel(at), { timeout: 15_000 });
});

function listenAnywhere(): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => resolve(server));
  });
}
