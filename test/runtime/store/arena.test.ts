import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Arena, type Region, regionBytes, sweepStaleArenas } from "../../../runtime/src/store/index.ts";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

let mount: string;
beforeEach(() => {
  mount = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "mobula-test-"));
});
afterEach(() => rmSync(mount, { recursive: true, force: true }));

const create = (capacityBytes = 1 << 20): Arena => Arena.create({ clusterId: "test", capacityBytes, mount });

test("what one process writes another reads, buffer by buffer", () => {
  const writer = create();
  const reader = Arena.open(writer.directory);
  const buffers = [Uint8Array.of(1, 2, 3), new Uint8Array(0), new Uint8Array(5000).fill(9)];
  const region: Region = { offset: 8192, lengths: buffers.map((buffer) => buffer.length) };
  writer.write(region, buffers);
  expect(reader.map(region)).toEqual(buffers);
  reader.close();
  writer.unlink();
});

test("buffers start at multiples of 64, so that every typed array fits on them", () => {
  const arena = create();
  const region: Region = { offset: 4096, lengths: [3, 8, 70, 16] };
  arena.write(
    region,
    region.lengths.map((length) => new Uint8Array(length)),
  );
  for (const buffer of arena.map(region)) expect(buffer.byteOffset % 64).toBe(0);
  arena.unlink();
});

test("a write into a mapped array stays in its process", () => {
  const arena = create();
  const region: Region = { offset: 0, lengths: [4] };
  arena.write(region, [Uint8Array.of(1, 2, 3, 4)]);
  const [mine] = arena.map(region);
  mine?.set([9, 9], 0);
  expect(mine).toEqual(Uint8Array.of(9, 9, 3, 4));
  expect(arena.map(region)).toEqual([Uint8Array.of(1, 2, 3, 4)]);
  arena.unlink();
});

test("a region that one process writes again and again holds for all what was written last", () => {
  const writer = create();
  const reader = Arena.open(writer.directory);
  const region: Region = { offset: 4096, lengths: [200_000, 3] };
  const shorter: Region = { offset: 4096, lengths: [150_000] };
  const write = (place: Region, value: number): void => {
    const buffers = place.lengths.map((length) => new Uint8Array(length).fill(value));
    writer.write(place, buffers);
    expect(reader.map(place)).toEqual(buffers);
  };
  for (let value = 1; value <= 4; value++) write(region, value);
  writer.discard(region);
  for (let value = 5; value <= 6; value++) write(region, value);
  for (let value = 7; value <= 9; value++) write(shorter, value);
  // The other process has written there meanwhile.
  reader.write(region, [new Uint8Array(200_000).fill(10), Uint8Array.of(1, 2, 3)]);
  write(shorter, 11);
  expect(reader.map(region)[0]?.[199_999]).toBe(10);
  reader.close();
  writer.unlink();
});

test("a mapping outlives the arena that it came from", () => {
  const arena = create();
  const region: Region = { offset: 0, lengths: [3] };
  arena.write(region, [Uint8Array.of(5, 6, 7)]);
  const mapped = arena.map(region);
  arena.unlink();
  expect(mapped).toEqual([Uint8Array.of(5, 6, 7)]);
});

test("the release is told when the last array over a region is collected, and not before", async () => {
  const arena = create();
  const region: Region = { offset: 0, lengths: [4096, 4096] };
  arena.write(region, [new Uint8Array(4096), new Uint8Array(4096)]);
  const releases: number[] = [];
  let kept: Uint8Array | undefined = arena.map(region, () => releases.push(1))[1];
  for (let round = 0; round < 3; round++) {
    collectGarbage();
    await sleep(5);
  }
  expect({ releases, length: kept?.length }).toEqual({ releases: [], length: 4096 });
  kept = undefined;
  for (let round = 0; round < 50 && releases.length === 0; round++) {
    collectGarbage();
    await sleep(10);
  }
  expect(releases).toEqual([1]);
  arena.unlink();
});

test("a mapped array is not moved to another thread, which would leave it without memory", () => {
  const arena = create();
  const region: Region = { offset: 0, lengths: [64] };
  arena.write(region, [new Uint8Array(64).fill(3)]);
  const [mapped] = arena.map(region);
  const { port1 } = new MessageChannel();
  try {
    port1.postMessage(mapped, [mapped?.buffer as ArrayBuffer]); // newer Node versions refuse, older ones copy
  } catch (error) {
    expect((error as Error).name).toBe("DataCloneError");
  }
  expect(mapped).toEqual(new Uint8Array(64).fill(3));
  port1.close();
  arena.unlink();
});

test("memory of a discarded region goes back to the system", () => {
  const arena = create(1 << 22);
  const region: Region = { offset: 0, lengths: [1 << 21] };
  const blocks = (): number => statSync(join(arena.directory, "arena")).blocks;
  arena.write(region, [new Uint8Array(1 << 21).fill(1)]);
  const before = blocks();
  arena.discard(region);
  expect(before).toBeGreaterThanOrEqual(4096);
  expect(blocks()).toBeLessThan(before / 10);
  arena.unlink();
});

test("the files belong to their user alone, and unlink removes them", () => {
  const arena = create();
  expect(statSync(arena.directory).mode & 0o777).toBe(0o700);
  expect(statSync(join(arena.directory, "arena")).mode & 0o777).toBe(0o600);
  arena.unlink();
  expect(existsSync(arena.directory)).toBe(false);
});

test("a buffer that does not fit its region is refused before anything is written", () => {
  const arena = create();
  expect(() => arena.write({ offset: 0, lengths: [4] }, [new Uint8Array(5)])).toThrow(RangeError);
  arena.unlink();
});

test("no room is ObjectStoreFullError with numbers, and no signal", () => {
  withoutRoom((arena) => {
    const write = (): void => arena.write({ offset: 0, lengths: [1 << 22] }, [new Uint8Array(1 << 22)]);
    expect(write).toThrow(expect.objectContaining({ code: "OBJECT_STORE_FULL", requestedBytes: 1 << 22 }));
  });
});

/** An arena on a full mount, which only root can make; for others its file is the device that is always full. */
function withoutRoom(use: (arena: Arena) => void): void {
  if (process.getuid?.() !== 0) {
    const arena = create(1 << 23);
    rmSync(join(arena.directory, "arena"));
    symlinkSync("/dev/full", join(arena.directory, "arena"));
    const full = Arena.open(arena.directory);
    use(full);
    full.close();
    arena.unlink();
    return;
  }
  const small = join(mount, "small");
  mkdirSync(small);
  expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", small]).status).toBe(0);
  try {
    const arena = Arena.create({ clusterId: "full", capacityBytes: 1 << 23, mount: small });
    use(arena);
    arena.unlink();
  } finally {
    spawnSync("umount", ["-l", small]);
  }
}

test("an arena whose owner is gone is swept, others stay", () => {
  const gone = spawnSync(process.execPath, ["-e", "console.log(process.pid)"], { encoding: "utf8" });
  const stale = Arena.create({ clusterId: "stale", capacityBytes: 4096, mount, ownerPid: Number(gone.stdout) });
  const alive = create();
  writeFileSync(join(mount, "mobula-other"), "");
  expect(sweepStaleArenas(mount)).toEqual([stale.directory]);
  expect(existsSync(stale.directory)).toBe(false);
  expect(existsSync(alive.directory)).toBe(true);
  expect(sweepStaleArenas(join(mount, "missing"))).toEqual([]);
  stale.close();
  alive.unlink();
});

test("a region takes whole pages", () => {
  expect([[], [1], [4096], [4097], [64, 1]].map(regionBytes)).toEqual([4096, 4096, 4096, 8192, 4096]);
});
