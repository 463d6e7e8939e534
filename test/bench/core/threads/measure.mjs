// The rows that a pool of threads can have, whatever makes it.
import { checkOf, PAYLOAD, PAYLOADS, rate, sum } from "../../lib/rate.mjs";

/** @param {(name: string, ...args: unknown[]) => Promise<unknown>} call */
export async function measure(call, windowMs) {
  const many = (count, ...args) => Promise.all(Array.from({ length: count }, () => call(...args)));
  return {
    "task-sync": await rate(windowMs, 1, () => call("one")),
    "task-async": await rate(windowMs, 1000, async () => sum(await many(1000, "one"))),
    "task-1MB-sync": await rate(windowMs, 1, async () => checkOf(await call("echo", PAYLOAD))),
    "task-1MB-async": await rate(windowMs, PAYLOADS, async () =>
      sum((await many(PAYLOADS, "echo", PAYLOAD)).map(checkOf)),
    ),
  };
}
