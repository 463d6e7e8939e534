import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { actor, hasCode, init, type ObjectRef, put, shutdown, task, wait } from "../../runtime/src/index.ts";
import { failure } from "../support/api-world.ts";

const MB = 1024 ** 2;

let folder: string;
let log: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "lineage-test-"));
  log = join(folder, "runs");
  writeFileSync(log, "");
  await init({ cpus: 2, objectStoreBytes: 32 * MB, spillBytes: 512 * MB, spillDirectory: folder });
});
afterEach(async () => {
  await shutdown();
  rmSync(folder, { recursive: true, force: true });
});

/** What ran, in order. */
const runs = (): string[] => readFileSync(log, "utf8").split("\n").filter(Boolean);

/** 4 MB of one number; notes that it ran. */
const make = task((log: string, tag: number) => {
  appendFileSync(log, `make ${tag}\n`);
  return new Float64Array(512 * 1024).fill(tag);
});
const increment = task((log: string, array: Float64Array) => {
  appendFileSync(log, `increment ${array[0]}\n`);
  return array.map((each) => each + 1);
});

/** Put until everything older is in files, then take these away. */
function loseAll(): ObjectRef<Float64Array>[] {
  const filling = Array.from({ length: 16 }, () => put(new Float64Array(512 * 1024)));
  for (const name of readdirSync(folder)) {
    if (!name.endsWith("-spill")) continue;
    for (const file of readdirSync(join(folder, name))) if (file !== "owner") rmSync(join(folder, name, file));
  }
  return filling;
}

const firstAndLast = (array: Float64Array): (number | undefined)[] => [array[0], array[array.length - 1]];

describe("the lost result of a task", () => {
  it("is made again by its task", async () => {
    const ref = make(log, 7);
    await wait([ref]);
    loseAll();
    expect(firstAndLast(await ref)).toEqual([7, 7]);
    expect(runs()).toEqual(["make 7", "make 7"]);
    expect(firstAndLast(await ref)).toEqual([7, 7]);
    expect(runs()).toHaveLength(2);
  });

  it("is made again for a task that needs it, on a single CPU, too", async () => {
    await shutdown();
    await init({ cpus: 1, objectStoreBytes: 32 * MB, spillBytes: 512 * MB, spillDirectory: folder });
    const ref = make(log, 3);
    await wait([ref]);
    loseAll();
    expect(firstAndLast(await increment(log, ref))).toEqual([4, 4]);
    expect(runs()).toEqual(["make 3", "make 3", "increment 3"]);
  });

  it("is made again with inputs that were lost, or given up, before", async () => {
    const first = make(log, 1);
    const second = increment(log, first);
    const third = increment(log, second);
    await wait([third]);
    first[Symbol.dispose]();
    loseAll();
    expect(firstAndLast(await third)).toEqual([3, 3]);
    expect(runs().slice(3).sort()).toEqual(["increment 1", "increment 2", "make 1"]);
    expect(firstAndLast(await second)).toEqual([2, 2]);
  });

  it("is made again for a ref inside a value, and for several who ask at once", async () => {
    const ref = make(log, 5);
    const box = put({ ref });
    await wait([ref]);
    loseAll();
    const look = task(async ({ ref }: { ref: ObjectRef<Float64Array> }) => (await ref)[9]);
    expect(await Promise.all([look(box), look(box), ref.then((array) => array[9])])).toEqual([5, 5, 5]);
    expect(runs()).toEqual(["make 5", "make 5"]);
  });

  it("is made again as one of several", async () => {
    const pair = task(
      (log: string) => {
        appendFileSync(log, "pair\n");
        return [new Float64Array(512 * 1024).fill(1), new Float64Array(512 * 1024).fill(2)] as const;
      },
      { numReturns: 2 },
    );
    const [one, two] = pair(log);
    await wait([one, two], { count: 2 });
    loseAll();
    expect([(await two)[0], (await one)[0]]).toEqual([2, 1]);
    expect(runs().length).toBeLessThanOrEqual(3);
  });

  it("can be lost twice", async () => {
    const ref = make(log, 8);
    await wait([ref]);
    const add = task((array: Float64Array) => (array[0] ?? 0) + (array[511] ?? 0));
    // While the worker's last array is not collected, the object stays where it is and is not lost.
    for (let round = 0; round < 20 && runs().length < 3; round++) {
      const filling = loseAll();
      expect(await add(ref)).toBe(16);
      for (const each of filling) each[Symbol.dispose]();
    }
    expect(runs()).toHaveLength(3);
  });
});

describe("what cannot be made again", () => {
  it("says that it was put", async () => {
    const ref = put(new Float64Array(512 * 1024).fill(1));
    loseAll();
    const error = await failure(ref);
    expect(error.code).toBe("OBJECT_LOST");
    expect(error.message).toContain("put()");
  });

  it("says that its task has no retries left", async () => {
    const ref = make.with({ retries: 0 })(log, 1);
    await wait([ref]);
    loseAll();
    const error = await failure(ref);
    expect(error.code).toBe("OBJECT_LOST");
    expect(error.message).toContain("retries");
    expect(runs()).toHaveLength(1);
  });

  it("says that an actor made it", async () => {
    const Maker = actor(
      class {
        make(): Float64Array {
          return new Float64Array(512 * 1024).fill(1);
        }
      },
    );
    const maker = new Maker();
    const ref = maker.make();
    await wait([ref]);
    loseAll();
    expect((await failure(ref)).message).toContain("actor");
  });

  it("says that its task failed this time", async () => {
    const flaky = task((log: string) => {
      appendFileSync(log, "flaky\n");
      if (readFileSync(log, "utf8").length > 6) throw new RangeError("not again");
      return new Float64Array(512 * 1024);
    });
    const ref = flaky(log);
    await wait([ref]);
    loseAll();
    const error = await failure(ref);
    expect(error.code).toBe("OBJECT_LOST");
    expect(hasCode(error, "TASK_FAILED", { deep: true })).toBe(true);
    expect(error.message).toContain("failed when it was run again");
  });

  it("fails a task whose input was given up and put", async () => {
    const input = put(new Float64Array(512 * 1024).fill(1));
    const ref = increment(log, input);
    await wait([ref]);
    input[Symbol.dispose]();
    loseAll();
    const error = await failure(ref);
    expect(error.code).toBe("OBJECT_LOST");
    expect(`${error.message} ${error.cause?.message}`).toContain("given up");
  });
});
