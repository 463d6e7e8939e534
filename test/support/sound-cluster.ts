/** Is this process's cluster as it should be? */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { cluster, task } from "mobula";
import { checkHead, currentRuntime } from "mobula/internal";
import { expect } from "vitest";
import { eventually } from "./driver-program.ts";

/** Nothing runs, nothing is held, nothing is broken, and new work is done. */
export async function expectSoundCluster(): Promise<void> {
  const add = task((a: number, b: number) => a + b, { name: "add" });
  expect(await Promise.all([add(1, 2), add(3, 4), add(5, 6)])).toEqual([3, 7, 11]);
  const problems = async (): Promise<string[]> => {
    const { broken, counts } = await checkHead();
    const { resources } = await cluster();
    const inUse = Object.entries(resources).filter(([, { used }]) => used !== 0);
    return [
      ...broken,
      ...inUse.map(([name, { used }]) => `${used} ${name} in use`),
      ...(counts["leases"] === 0 ? [] : [`${counts["leases"]} leases`]),
      ...(counts["demands"] === 0 ? [] : [`${counts["demands"]} demands`]),
    ];
  };
  await eventually(async () => (await problems()).length === 0, 5_000);
  expect(await problems()).toEqual([]);
}

/** What a promise fails with. @throws when it does not fail */
export async function failureOf(promise: PromiseLike<unknown>): Promise<Error & { readonly code: string }> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ("error" in outcome) return outcome.error as Error & { readonly code: string };
  throw new Error(`it did not fail, but gave ${JSON.stringify(outcome.value)}`);
}

/** Collect this process's garbage: arrays in shared memory among it. */
export function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}

/**
 * Nothing is stored for this process any more. Workers may map what they have read until they collect their garbage, which
 * they do after 16 MB of it.
 */
export async function expectNothingHeld(): Promise<void> {
  const { clientId } = currentRuntime().engine as unknown as { readonly clientId: string };
  const held = async (): Promise<string[]> => {
    collectGarbage();
    return (await checkHead()).objects.filter((object) => object.includes(` × ${clientId}`));
  };
  await eventually(async () => (await held()).length === 0, 5_000);
  expect(await held()).toEqual([]);
}
