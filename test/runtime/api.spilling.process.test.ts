import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  actor,
  cluster,
  get,
  init,
  listObjects,
  type ObjectRef,
  put,
  shutdown,
  task,
  wait,
} from "../../runtime/src/index.ts";
import { failure, sleep } from "../support/api-world.ts";

const MB = 1024 ** 2;
/** Objects of 4 MB, which tell what they are. */
const LENGTH = 512 * 1024;
const make = (tag: number): Float64Array => new Float64Array(LENGTH).fill(tag);
const tagOf = (array: Float64Array): string =>
  array.length === LENGTH && array.every((each) => each === array[0]) ? `${array[0]}` : "mixed";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "spill-test-"));
});
afterEach(async () => {
  await shutdown();
  rmSync(folder, { recursive: true, force: true });
});

const start = (spillBytes = 512 * MB): Promise<void> =>
  init({ cpus: 2, objectStoreBytes: 32 * MB, spillBytes, spillDirectory: folder });

const spilledBytes = async (): Promise<number> => (await cluster()).objectStore.spilledBytes ?? 0;

/** Paths of spilled objects, oldest first. */
function spillFiles(): string[] {
  const [own] = readdirSync(folder);
  if (own === undefined) return [];
  const names = readdirSync(join(folder, own)).filter((name) => name !== "owner");
  return names.sort((a, b) => Number(a) - Number(b)).map((name) => join(folder, own, name));
}

describe("a store that is smaller than what is put", () => {
  it("keeps every value, and gives it to driver, tasks and actors", async () => {
    await start();
    const refs = Array.from({ length: 20 }, (_, tag) => put(make(tag)));
    expect(await spilledBytes()).toBeGreaterThan(40 * MB);
    const expected = refs.map((_, tag) => `${tag}`);
    const read = task((array: Float64Array) => `${array[0]}${array[array.length - 1]}`);
    expect(await get(refs.map((ref) => read(ref)))).toEqual(expected.map((tag) => tag + tag));
    for (const [tag, ref] of refs.entries()) expect(tagOf(await ref)).toBe(`${tag}`);
    const Reader = actor(
      class {
        first(array: Float64Array): number | undefined {
          return array[0];
        }
      },
    );
    const reader = new Reader();
    expect(await get(refs.map((ref) => reader.first(ref)))).toEqual(refs.map((_, tag) => tag));
    const states = (await listObjects()).items.map(({ state }) => state);
    expect(states).toContain("spilled");
    expect(states).toContain("in-store");
  });

  it("does not move what somebody reads", async () => {
    await start();
    const kept: Float64Array[] = [];
    for (let tag = 0; tag < 4; tag++) kept.push(await put(make(tag)));
    const refs = Array.from({ length: 20 }, (_, tag) => put(make(100 + tag)));
    expect(kept.map(tagOf)).toEqual(["0", "1", "2", "3"]);
    expect(tagOf(await (refs[0] as ObjectRef<Float64Array>))).toBe("100");
    expect((await listObjects()).items.filter(({ isPinned }) => isPinned).length).toBeGreaterThanOrEqual(4);
  });

  it("gives values of tasks and of refs inside values back, too", async () => {
    await start();
    const made = task((tag: number) => new Float64Array(512 * 1024).fill(tag));
    const refs = Array.from({ length: 14 }, (_, tag) => made(tag));
    const list = put({ refs });
    await wait(refs, { count: refs.length });
    const sum = task(async ({ refs }: { refs: ObjectRef<Float64Array>[] }) => {
      let total = 0;
      for (const ref of refs) total += (await ref)[7] ?? 0;
      return total;
    });
    expect(await sum(list)).toBe(91);
  });

  it("fits an object larger than any hole between others", async () => {
    await start();
    const refs = Array.from({ length: 8 }, (_, tag) => put(new Float64Array(400_000).fill(tag)));
    for (const index of [1, 3, 5]) refs[index]?.[Symbol.dispose]();
    await sleep(100);
    const large = put(new Float64Array(1_400_000).fill(9));
    expect((await large)[1_399_999]).toBe(9);
    expect((await (refs[0] as ObjectRef<Float64Array>))[399_999]).toBe(0);
  });

  it("has files no longer than their objects, and none after the end", async () => {
    await start();
    const refs = Array.from({ length: 16 }, (_, tag) => put(make(tag)));
    expect(spillFiles().length).toBeGreaterThan(0);
    for (const ref of refs) ref[Symbol.dispose]();
    for (let round = 0; round < 100 && spillFiles().length > 0; round++) await sleep(20);
    expect(spillFiles()).toEqual([]);
    expect(await spilledBytes()).toBe(0);
    await shutdown();
    for (let round = 0; round < 100 && readdirSync(folder).length > 0; round++) await sleep(20);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("no room at all", () => {
  it("is an error with the numbers, and what was put stays readable", async () => {
    await start(16 * MB);
    const refs: ObjectRef<Float64Array>[] = [];
    const error = await failure(
      (async () => {
        for (let tag = 0; tag < 30; tag++) refs.push(put(make(tag)));
      })(),
    );
    expect(error).toMatchObject({ code: "OBJECT_STORE_FULL", capacityBytes: 32 * MB });
    expect(error.message).toMatch(/32 MiB are in use.* of 16 MiB are spilled/);
    expect(refs.length).toBeGreaterThanOrEqual(10);
    for (const [tag, ref] of refs.entries()) expect(tagOf(await ref)).toBe(`${tag}`);
    refs.splice(0, 6).forEach((ref) => ref[Symbol.dispose]());
    expect(tagOf(await put(make(77)))).toBe("77");
  });

  it("says how much is being read, and cannot go to files", async () => {
    await start();
    const kept: Float64Array[] = [];
    const error = await failure(
      (async () => {
        for (let tag = 0; tag < 20; tag++) kept.push(await put(make(tag)));
      })(),
    );
    expect(kept).toHaveLength(8);
    expect(error.message).toContain("32 MiB of 32 MiB are in use (32 MiB by arrays that are being read)");
    kept.length = 0;
    expect(tagOf(await put(make(5)))).toBe("5");
  });

  it("says that spilling is off", async () => {
    await start(0);
    const error = await failure((async () => Array.from({ length: 20 }, (_, tag) => put(make(tag))))());
    expect(error.message).toContain("spilling is off");
  });

  it("names a spill folder that is missing, and puts again once it is there", async () => {
    rmSync(folder, { recursive: true });
    await start();
    const refs: ObjectRef<Float64Array>[] = [];
    const fill = async (): Promise<void> => {
      for (let tag = 0; tag < 12; tag++) refs.push(put(make(tag)));
    };
    const error = await failure(fill());
    expect(error.code).toBe("OBJECT_STORE_FULL");
    expect(error.message).toContain(folder);
    expect(error.message).toContain("is missing");
    mkdirSync(folder);
    await sleep(1_200);
    await fill();
    expect(tagOf(await (refs.at(-1) as ObjectRef<Float64Array>))).toBe("11");
    expect(tagOf(await (refs[0] as ObjectRef<Float64Array>))).toBe("0");
  });
});

describe("a spilled value whose file is gone or damaged", () => {
  it.each(["missing", "short", "changed"])("is an ObjectLostError that says so: %s", async (kind) => {
    await start();
    const refs = Array.from({ length: 16 }, (_, tag) => put(make(tag)));
    for (const path of spillFiles()) {
      if (kind === "missing") rmSync(path);
      else if (kind === "short") truncateSync(path, 4096);
      else writeFileSync(path, new Uint8Array(LENGTH * 8).fill(1), { flag: "r+" });
    }
    const error = await failure(refs[0] as ObjectRef<Float64Array>);
    expect(error.code).toBe("OBJECT_LOST");
    expect(error.message).toMatch(/spill file/);
    expect(tagOf(await (refs[15] as ObjectRef<Float64Array>))).toBe("15");
    expect(existsSync(folder)).toBe(true);
  });
});
