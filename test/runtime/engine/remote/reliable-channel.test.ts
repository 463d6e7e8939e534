import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BlobReceiver } from "../../../../runtime/src/engine/remote/blobs.ts";
import { ReliableChannel } from "../../../../runtime/src/engine/remote/reliable-channel.ts";
import {
  CHUNK_BYTES,
  FRAME,
  packHeader,
  type RemoteFrame,
  unpackHeader,
} from "../../../../runtime/src/protocol/remote-frames.ts";

/** One end of the wire, and what has arrived at it. */
class End {
  readonly messages: unknown[] = [];
  readonly blobs = new Map<number, Buffer>();
  readonly channel: ReliableChannel;
  /** On their way from here. */
  sent: Buffer[] = [];
  readonly #parts = new BlobReceiver((blob, parts) => this.blobs.set(blob, Buffer.concat(parts)));

  constructor() {
    this.channel = new ReliableChannel((frame) => this.#deliver(frame));
  }

  #deliver(frame: RemoteFrame): void {
    if (frame.kind === FRAME.chunk) this.#parts.receive(frame);
    else this.messages.push(unpackHeader(frame.header));
  }

  say(message: unknown): void {
    this.channel.send(FRAME.messages, packHeader(message));
  }

  attach(peerReceived: number): void {
    this.sent = [];
    // Copied as a network does: the channel numbers its frames anew when it sends them again.
    this.channel.attach({ send: (frame) => void this.sent.push(Buffer.from(frame)) }, peerReceived);
  }
}

/** Two ends, and a network that a test pumps by hand. */
class World {
  readonly driver = new End();
  readonly session = new End();

  connect(): void {
    const { driver, session } = this;
    const [atDriver, atSession] = [driver.channel.received, session.channel.received];
    driver.attach(atSession);
    session.attach(atDriver);
  }

  /** Deliver at most so many frames each way. */
  pump(count = Number.POSITIVE_INFINITY): void {
    for (let index = 0; index < count; index++) {
      const [down, up] = [this.session.sent.shift(), this.driver.sent.shift()];
      if (down === undefined && up === undefined) return;
      if (down !== undefined) this.driver.channel.receive(down);
      if (up !== undefined) this.session.channel.receive(up);
    }
  }

  /** What is on its way is lost. */
  cut(): void {
    for (const end of [this.driver, this.session]) {
      end.sent = [];
      end.channel.detach();
    }
  }
}

type Step =
  | { readonly do: "say"; readonly from: "driver" | "session" }
  | { readonly do: "blob"; readonly from: "driver" | "session"; readonly bytes: number }
  | { readonly do: "pump"; readonly count: number }
  | { readonly do: "cut" }
  | { readonly do: "connect" };

const end = fc.constantFrom("driver" as const, "session" as const);
const bytes = fc.constantFrom(0, 1, CHUNK_BYTES, 2 * CHUNK_BYTES + 17);

const step = fc.oneof(
  { weight: 5, arbitrary: end.map((from): Step => ({ do: "say", from })) },
  { weight: 1, arbitrary: fc.tuple(end, bytes).map(([from, count]): Step => ({ do: "blob", from, bytes: count })) },
  { weight: 4, arbitrary: fc.nat(4).map((count): Step => ({ do: "pump", count })) },
  { weight: 2, arbitrary: fc.constantFrom<Step>({ do: "cut" }, { do: "connect" }) },
);

describe("a channel", () => {
  test("delivers everything once and in order, wherever the connection is cut", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const world = new World();
        world.connect();
        const said = { driver: [] as unknown[], session: [] as unknown[] };
        const stored = { driver: new Map<number, Buffer>(), session: new Map<number, Buffer>() };
        let next = 0;
        /** Of blobs that come piece by piece. */
        const coming: (() => void)[] = [];
        for (const each of steps) {
          coming.shift()?.();
          if (each.do === "cut") world.cut();
          else if (each.do === "connect") {
            world.cut();
            world.connect();
          } else if (each.do === "pump") world.pump(each.count);
          else if (each.do === "say") {
            said[each.from].push({ n: next });
            world[each.from].say({ n: next++ });
          } else {
            const bytes = Buffer.alloc(each.bytes, next);
            stored[each.from].set(next, bytes);
            const middle = each.bytes >> 1;
            const parts = [bytes.subarray(0, middle), bytes.subarray(middle)];
            const blob = next++;
            const { channel } = world[each.from];
            if (bytes.length % 2 === 0) channel.sendBlob(blob, parts);
            else {
              const lengths = parts.map((part) => part.length);
              const third = Math.ceil(bytes.length / 3);
              channel.sendPiece(blob, bytes.subarray(0, third), lengths);
              coming.push(
                () => channel.sendPiece(blob, bytes.subarray(third, 2 * third)),
                () => channel.sendPiece(blob, bytes.subarray(2 * third)),
              );
            }
          }
        }
        for (const send of coming) send();
        world.cut();
        world.connect();
        world.pump();
        expect(world.session.messages).toEqual(said.driver);
        expect(world.driver.messages).toEqual(said.session);
        for (const [from, to] of [["driver", "session"] as const, ["session", "driver"] as const]) {
          expect(new Set(world[to].blobs.keys())).toEqual(new Set(stored[from].keys()));
          for (const [blob, bytes] of stored[from]) expect(world[to].blobs.get(blob)?.equals(bytes)).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
  });

  test("forgets what the peer has, so that a long session needs no more memory than a short one", () => {
    const world = new World();
    world.connect();
    for (let n = 0; n < 1_000; n++) {
      world.driver.say({ n });
      world.pump();
    }
    expect(world.session.messages).toHaveLength(1_000);
    expect(world.driver.channel.unacknowledged).toBeLessThan(100);
  });

  test("lets small messages pass a large value, and keeps no more of one under way than the window", () => {
    const world = new World();
    world.connect();
    world.driver.channel.sendBlob(1, [new Uint8Array(64 * CHUNK_BYTES)]);
    const underWay = world.driver.sent.length;
    expect(underWay).toBe(8);
    world.driver.say("small");
    world.pump(underWay + 1);
    expect(world.session.messages).toEqual(["small"]);
    expect(world.session.blobs.size).toBe(0);
    world.pump();
    expect(world.session.blobs.get(1)).toHaveLength(64 * CHUNK_BYTES);
  });

  test("a value that comes in pieces leaves as it comes, and holds up no other", () => {
    const world = new World();
    world.connect();
    const piece = new Uint8Array(CHUNK_BYTES);
    world.driver.channel.sendPiece(1, piece, [2 * CHUNK_BYTES]);
    expect(world.driver.sent).toHaveLength(1);
    world.driver.channel.sendBlob(2, [piece]);
    world.pump();
    expect([...world.session.blobs.keys()]).toEqual([2]);
    world.driver.channel.sendPiece(1, piece);
    world.pump();
    expect([...world.session.blobs.keys()]).toEqual([2, 1]);
  });

  test("several large values take turns", () => {
    const world = new World();
    world.connect();
    world.driver.channel.sendBlob(1, [new Uint8Array(32 * CHUNK_BYTES)]);
    world.driver.channel.sendBlob(2, [new Uint8Array(CHUNK_BYTES)]);
    world.pump(16);
    expect([...world.session.blobs.keys()]).toEqual([2]);
  });

  test("refuses what is no frame of its peer", () => {
    const { driver, session } = new World();
    driver.attach(0);
    session.attach(0);
    driver.say("one");
    driver.say("two");
    expect(() => session.channel.receive(driver.sent[1] as Buffer)).toThrow(RangeError);
    expect(() => session.channel.receive(Buffer.from("GET / HTTP/1.1\r\n\r\n, and some more"))).toThrow(RangeError);
    expect(() => session.channel.receive(Buffer.alloc(0))).toThrow(RangeError);
  });
});
