// How every side in JavaScript measures; ray_core.py does the same in Python.

/**
 * Calls of `work` in a window after a warm-up of a quarter of it.
 *
 * @param {number} windowMs
 * @param {number} multiplier what one call counts for
 * @param {() => unknown} work
 * @returns {Promise<{ value: number, result: unknown }>} per second, and what `work` gave
 */
export async function rate(windowMs, multiplier, work) {
  // What the row before left behind is let go of first, as it is at once where references are counted.
  await new Promise((resolve) => setTimeout(resolve, 20));
  const warmUntil = performance.now() + windowMs / 4;
  let result;
  do result = await work();
  while (performance.now() < warmUntil);
  const start = performance.now();
  let calls = 0;
  let elapsed;
  do {
    await work();
    calls++;
    elapsed = performance.now() - start;
  } while (elapsed < windowMs);
  return { value: (multiplier * calls * 1000) / elapsed, result };
}

export function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

/** What the rows with payloads send there and back, and what they check of it. */
export const PAYLOAD = new Uint8Array(1_000_000).fill(7);
/** Payloads on their way at once. */
export const PAYLOADS = 100;

export function checkOf(payload) {
  return payload.length + payload[999_999];
}
