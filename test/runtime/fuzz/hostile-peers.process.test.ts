/** Peers that speak nonsense to the sockets of a living cluster: they are dropped, and the cluster goes on. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { cluster, task } from "mobula";
import { checkHead } from "mobula/internal";
import { pack } from "msgpackr";
import { beforeAll, describe, expect, it } from "vitest";
import { encodeFrame } from "../../../runtime/src/protocol/frames.ts";
import { PROTOCOL_VERSION } from "../../../runtime/src/protocol/messages.ts";
import { useOwnCluster } from "../../support/own-cluster.ts";
import { expectSoundCluster } from "../../support/sound-cluster.ts";

const folder = useOwnCluster({ cpus: 2, objectStoreBytes: 64 * 1024 ** 2 });
let directory = "";

beforeAll(() => {
  directory = join(folder.path, readdirSync(folder.path).find((name) => name.startsWith("mobula-")) ?? "");
});

async function open(name: string): Promise<Socket> {
  const socket = connect(join(directory, name));
  socket.on("error", () => {});
  socket.resume();
  await once(socket, "connect");
  return socket;
}

/** Send it, and wait until the other side ends the connection. */
async function expectDropped(socket: Socket, bytes: Uint8Array): Promise<void> {
  const closed = once(socket, "close");
  socket.write(bytes);
  await closed;
}

const helloOf = (clientId: string, kind: string): object => ({
  type: "hello",
  protocol: PROTOCOL_VERSION,
  clientId,
  kind,
  pid: 1,
});
const dataHello = { type: "data-hello", protocol: PROTOCOL_VERSION, clientId: "d" };

const nonsense: { what: string; toHead: Uint8Array; toWorker: Uint8Array }[] = [
  { what: "random bytes", toHead: randomBytes(10_000), toWorker: randomBytes(10_000) },
  { what: "HTTP", toHead: Buffer.from("GET / HTTP/1.1\r\n\r\n"), toWorker: Buffer.from("GET / HTTP/1.1\r\n\r\n") },
  {
    what: "the announcement of a frame of a gigabyte",
    toHead: Buffer.from([0x3f, 0xff, 0xff, 0xff]),
    toWorker: Buffer.from([0x3f, 0xff, 0xff, 0xff]),
  },
  { what: "a frame that is no list", toHead: frameOf(Buffer.from([0x01])), toWorker: frameOf(Buffer.from([0x01])) },
  {
    what: "a message before the greeting",
    toHead: encodeFrame([{ type: "demand", shape: "s", resources: { cpus: 10_000 }, count: 5, depth: 0 }]),
    toWorker: encodeFrame([{ type: "drop-task", taskId: "d.0" }]),
  },
  {
    what: "a message of an unknown type",
    toHead: encodeFrame([{ type: "constructor" }]),
    toWorker: encodeFrame([dataHello, { type: "__proto__" }]),
  },
  {
    what: "messages without their fields",
    toHead: encodeFrame([{ type: "hello" }]),
    toWorker: encodeFrame([dataHello, { type: "load-code" }]),
  },
  {
    what: "messages with fields of other kinds",
    toHead: encodeFrame([
      helloOf("d7", "driver"),
      { type: "demand", shape: 1, resources: { cpus: "all" }, count: -1, depth: 0 },
    ]),
    toWorker: encodeFrame([dataHello, { type: "load-code", code: { codeId: "x", value: { bytes: "text" } } }]),
  },
  {
    what: "null",
    toHead: frameOf(pack([helloOf("d8", "driver"), null])),
    toWorker: frameOf(pack([dataHello, null])),
  },
  {
    what: "the name of another",
    toHead: encodeFrame([helloOf("d", "driver")]),
    toWorker: encodeFrame([{ ...dataHello, protocol: -1 }]),
  },
];

function frameOf(body: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
}

describe("a peer that sends", () => {
  it.each(nonsense)("$what to the head is dropped, and the cluster goes on", async ({ toHead }) => {
    await expectSoundCluster();
    await expectDropped(await open("head.sock"), toHead);
    const { broken, counts } = await checkHead();
    expect(broken).toEqual([]);
    // This program and its workers.
    expect(counts["clients"]).toBe(1 + (await cluster()).workers.length);
    await expectSoundCluster();
  });

  it.each(nonsense)("$what to a worker is dropped, and the worker goes on", async ({ toWorker }) => {
    const slow = task(async () => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      return process.pid;
    });
    const { workers } = await cluster();
    const running = slow();
    await expectDropped(await open(`${workers[0]?.id}.sock`), toWorker);
    expect((await cluster()).workers.map(({ pid }) => pid)).toEqual(workers.map(({ pid }) => pid));
    expect(workers.map(({ pid }) => pid)).toContain(await running);
    await expectSoundCluster();
  });

  it("random frames of every type, many at once, changes nothing", async () => {
    const { workers } = await cluster();
    const kinds = [
      "sealed",
      "release",
      "publish-result",
      "create-actor",
      "report",
      "kill-actor",
      "return-leases",
      "task-events",
    ];
    const garbage = (n: number): unknown => [null, n, "text", [], {}, { cpus: n }, [n, null], true][n % 8];
    await Promise.all(
      Array.from({ length: 40 }, async (_, n) => {
        const socket = await open("head.sock");
        const type = kinds[n % kinds.length];
        const messages = [
          helloOf(`d${n}x`, "driver"),
          { type, spec: garbage(n), objectIds: garbage(n + 1), events: garbage(n) },
        ];
        const closed = once(socket, "close");
        socket.write(encodeFrame(messages));
        socket.end();
        await closed;
      }),
    );
    expect((await cluster()).workers.map(({ pid }) => pid)).toEqual(workers.map(({ pid }) => pid));
    await expectSoundCluster();
  });
});
