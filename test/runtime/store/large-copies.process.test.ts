import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { programUrl } from "../../../runtime/src/node/program-url.ts";
import { CopyJob } from "../../../runtime/src/store/copy-job.ts";
import { Arena } from "../../../runtime/src/store/index.ts";
import { addressOf } from "../../../runtime/src/store/memory-map.ts";
import { randomNumbers } from "../../support/random-numbers.ts";

const MB = 1024 ** 2;

describe("large buffers that are written to one region again and again", () => {
  let folder: string;
  let arena: Arena;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "copies-"));
    arena = Arena.create({ clusterId: "c", capacityBytes: 64 * MB, mount: folder });
  });
  afterEach(() => {
    arena.unlink();
    rmSync(folder, { recursive: true });
  });

  it("arrive whole, alone and with a second thread, whatever their lengths", async () => {
    const next = randomNumbers(7);
    for (const lengths of [[16 * MB], [20 * MB + 13, 5, 17 * MB - 1], [40 * MB]]) {
      const region = { offset: 4096, lengths };
      for (let round = 0; round < 12; round++) {
        const buffers = lengths.map((length) => {
          const buffer = new Uint8Array(length).fill(round);
          for (let index = 0; index < 1_000; index++) buffer[Math.floor(next() * length)] = Math.floor(next() * 256);
          return buffer;
        });
        arena.write(region, buffers);
        const read = arena.map(region);
        for (const [index, buffer] of buffers.entries())
          expect(Buffer.compare(buffer, read[index] as Uint8Array)).toBe(0);
        // The second thread becomes ready in between.
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  });
});

describe("a copy of two threads", () => {
  it("goes on when its owner was stopped in the middle of the last one", async () => {
    const job = new CopyJob();
    const thread = new Worker(programUrl("store/copy-thread"), { workerData: job.buffer });
    try {
      await once(thread, "online");
      const from = new Uint8Array(33 * MB).fill(3);
      const to = new Uint8Array(33 * MB);
      // The owner's mark on the lock, as it stays when V8 ends what the owner runs.
      Atomics.store(new Int32Array(job.buffer), 0, 2);
      job.run(addressOf(to), addressOf(from), to.length);
      expect(Buffer.compare(from, to)).toBe(0);
      for (let round = 0; round < 50; round++) {
        from.fill(round);
        job.run(addressOf(to), addressOf(from), to.length);
        expect(to[0]).toBe(round);
        expect(Buffer.compare(from, to)).toBe(0);
      }
    } finally {
      await thread.terminate();
    }
  });
});
