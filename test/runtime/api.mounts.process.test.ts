import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cluster, get, init, type ObjectRef, put, shutdown, task } from "../../runtime/src/index.ts";
import { failure, sleep } from "../support/api-world.ts";

const MB = 1024 ** 2;
const VARIABLE = "MOBULA_SHARED_MEMORY";
const LENGTH = 1024 ** 2;
const make = (tag: number): Float64Array => new Float64Array(LENGTH).fill(tag);
const isWhole = (array: Float64Array, tag: number): boolean => array.length === LENGTH && array.every((x) => x === tag);

/** Mounting takes root. */
const isRoot = process.platform === "linux" && process.getuid?.() === 0;

let folder: string;
const mounts: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mount-test-"));
});
afterEach(async () => {
  await shutdown();
  delete process.env[VARIABLE];
  for (const mount of mounts.splice(0)) spawnSync("umount", ["-l", mount]);
  rmSync(folder, { recursive: true, force: true });
});

function mountOf(megabytes: number, name = "shm"): string {
  const mount = join(folder, name);
  mkdirSync(mount);
  expect(spawnSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", mount]).status).toBe(0);
  mounts.push(mount);
  return mount;
}

const freeMb = (mount: string): number => {
  const { bavail, bsize } = statfsSync(mount);
  return (bavail * bsize) / MB;
};

describe.runIf(isRoot)("shared memory", () => {
  it("of 64 MB, as containers have it, is passed over for files, with a hint", async () => {
    process.env[VARIABLE] = mountOf(64);
    await init({ cpus: 1, objectStoreBytes: 512 * MB });
    const { objectStore } = await cluster();
    expect(objectStore.hint).toMatch(/has 6\d MB free.*--shm-size/);
    expect(objectStore.directory?.startsWith(tmpdir())).toBe(true);
    const refs = Array.from({ length: 20 }, (_, tag) => put(make(tag)));
    const first = task((array: Float64Array) => array[0]);
    expect(await get(refs.map((ref) => first(ref)))).toEqual(refs.map((_, tag) => tag));
  });

  it("that is missing is passed over for files, with a hint", async () => {
    process.env[VARIABLE] = join(folder, "nowhere");
    await init({ cpus: 1, objectStoreBytes: 64 * MB });
    expect((await cluster()).objectStore.hint).toContain("nowhere has 0 MB free");
    expect(isWhole(await put(make(4)), 4)).toBe(true);
  });

  it("that is full before the store is makes objects go to files, and ends no process", async () => {
    const mount = mountOf(300);
    process.env[VARIABLE] = mount;
    await init({ cpus: 1, objectStoreBytes: 1024 * MB, spillDirectory: folder });
    expect((await cluster()).objectStore.hint).toBeUndefined();
    const refs: ObjectRef<Float64Array>[] = [];
    for (let tag = 0; tag < 60; tag++) refs.push(put(make(tag)));
    expect((await cluster()).objectStore.spilledBytes).toBeGreaterThan(150 * MB);
    const whole = task((array: Float64Array, tag: number) => array.every((x) => x === tag));
    expect(await get(refs.map((ref, tag) => whole(ref, tag)))).toEqual(refs.map(() => true));
    for (const [tag, ref] of refs.entries()) expect(isWhole(await ref, tag)).toBe(true);
    // What is freed goes back to the system, for whoever needs it.
    for (const ref of refs) ref[Symbol.dispose]();
    for (let round = 0; round < 100 && freeMb(mount) < 270; round++) await sleep(50);
    expect(freeMb(mount)).toBeGreaterThan(250);
  });

  it("that others fill is an ObjectStoreFullError when nothing can be spilled", async () => {
    const mount = mountOf(300);
    process.env[VARIABLE] = mount;
    await init({ cpus: 1, objectStoreBytes: 1024 * MB, spillBytes: 0 });
    const refs: ObjectRef<Float64Array>[] = [];
    const fill = async (): Promise<void> => {
      for (let tag = 0; tag < 60; tag++) refs.push(put(make(tag)));
    };
    const error = await failure(fill());
    expect(error.code).toBe("OBJECT_STORE_FULL");
    expect(error.message).toContain("mount is full");
    expect(refs.length).toBeGreaterThan(30);
    for (const [tag, ref] of refs.entries()) expect(isWhole(await ref, tag)).toBe(true);
    for (const ref of refs.splice(0, 10)) ref[Symbol.dispose]();
    await sleep(100);
    expect(isWhole(await put(make(99)), 99)).toBe(true);
  });
});

describe.runIf(isRoot)("a disk that is full", () => {
  it("is an ObjectStoreFullError that says so; nothing is lost, and later there is room again", async () => {
    const disk = mountOf(20, "disk");
    await init({ cpus: 1, objectStoreBytes: 32 * MB, spillDirectory: disk, spillBytes: 512 * MB });
    const refs: ObjectRef<Float64Array>[] = [];
    const error = await failure(
      (async () => {
        for (let tag = 0; tag < 20; tag++) refs.push(put(make(tag)));
      })(),
    );
    expect(error.code).toBe("OBJECT_STORE_FULL");
    expect(error.message).toContain(`the disk of ${disk}`);
    expect(refs.length).toBeGreaterThanOrEqual(4);
    for (const [tag, ref] of refs.entries()) expect(isWhole(await ref, tag)).toBe(true);
    for (const ref of refs.splice(0, 3)) ref[Symbol.dispose]();
    await sleep(1_100);
    expect(isWhole(await put(make(99)), 99)).toBe(true);
    await shutdown();
    for (let round = 0; round < 100 && readdirSync(disk).length > 0; round++) await sleep(20);
    expect(existsSync(disk) && readdirSync(disk)).toEqual([]);
  });
});
