import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { cluster, get, init, type ObjectRef, put, shutdown, task } from "../../runtime/src/index.ts";
import { failure, sleep } from "../support/api-world.ts";
import { firstLine, startProgram } from "../support/driver-program.ts";

const MB = 1024 ** 2;
const STORE = 128 * MB;
const OBJECT = 8 * MB;
/** Twenty times the store. */
const ROUNDS = 320;

let folder: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "churn-test-"));
  await init({ cpus: 2, objectStoreBytes: STORE, spillBytes: 512 * MB, spillDirectory: folder });
});
afterEach(async () => {
  await shutdown();
  rmSync(folder, { recursive: true, force: true });
});

/** Memory of the head's own. */
async function headBytes(): Promise<number> {
  const { pid } = await cluster();
  const [, kilobytes = "0"] = /^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1024;
}

/** But for what the engine's variables may still hold. */
async function expectEmpty(objects = 1): Promise<void> {
  const most = objects * (OBJECT + 4096);
  for (let round = 0; round < 100 && (await cluster()).objectStore.usedBytes > most; round++) await sleep(50);
  const { usedBytes, spilledBytes } = (await cluster()).objectStore;
  expect(usedBytes).toBeLessThanOrEqual(most);
  expect(spilledBytes).toBeLessThanOrEqual(most);
}

const make = (tag: number): Float64Array => new Float64Array(OBJECT / 8).fill(tag);
const first = task((array: Float64Array) => array[0]);

it.runIf(process.platform === "linux")("much more than the store goes through it, disposed of one by one", async () => {
  const before = await headBytes();
  for (let tag = 0; tag < ROUNDS; tag++) {
    const ref = put(make(tag));
    if (tag % 8 === 0) expect(await first(ref)).toBe(tag);
    ref[Symbol.dispose]();
  }
  expect((await cluster()).objectStore.spilledBytes).toBe(0);
  await expectEmpty();
  expect((await headBytes()) - before).toBeLessThan(40 * MB);
});

it("much more than the store goes through it when refs and arrays are left to the garbage collector", async () => {
  for (let tag = 0; tag < ROUNDS; tag++) {
    const array = await put(make(tag));
    if (array[0] !== tag || array.at(-1) !== tag) throw new Error(`${tag} came back as ${array[0]}`);
  }
  await sleep(400);
  put(make(0));
  await expectEmpty(3);
});

it("much more than the store goes through it in a loop that never waits", async () => {
  for (let tag = 0; tag < ROUNDS / 2; tag++) put(make(tag));
  expect((await cluster()).objectStore.usedBytes).toBeLessThanOrEqual(STORE);
});

it("small values put by code that never waits are forgotten when their refs are collected", async () => {
  expect(Number(await firstLine(startProgram("puts-without-pause")))).toBeLessThan(200_000);
});

it("tasks make and read much more than the store holds", async () => {
  const produce = task((tag: number, length: number) => new Float64Array(length).fill(tag));
  for (let tag = 0; tag < ROUNDS / 8; tag++) {
    const refs = Array.from({ length: 4 }, (_, index) => produce(tag * 4 + index, OBJECT / 8));
    const firsts = await get(refs.map((ref) => first(ref)));
    expect(firsts).toEqual(refs.map((_, index) => tag * 4 + index));
  }
});

it("refs that are kept fill store and quota, and then say so", async () => {
  const refs: ObjectRef<Float64Array>[] = [];
  const error = await failure(
    (async () => {
      for (let tag = 0; tag < 200; tag++) refs.push(put(make(tag)));
    })(),
  );
  expect(error.code).toBe("OBJECT_STORE_FULL");
  // 16 in the store, 63 or 64 in files.
  expect(refs.length).toBeGreaterThanOrEqual(75);
  expect(refs.length).toBeLessThanOrEqual(80);
  for (const [tag, ref] of refs.entries()) {
    const array = await ref;
    expect(array[0]).toBe(tag);
    ref[Symbol.dispose]();
  }
  await expectEmpty();
  expect(readdirSync(folder)).toHaveLength(1);
});
