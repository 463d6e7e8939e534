/** `asCompleted`: results in the order in which they come. */
import type { ObjectId } from "../protocol/ids.ts";
import { currentRuntime } from "./lifecycle.ts";
import { isObjectRef, type ObjectRef } from "./object-ref.ts";
import type { GetOptions } from "./runtime.ts";

/** One of the refs given to `asCompleted`, and what became of it. */
export type Completed<T> = {
  /** Its place in the list. */
  readonly index: number;
  readonly ref: ObjectRef<T>;
} & PromiseSettledResult<T>;

/**
 * The results of `refs`, each as soon as it is there; failures are among them. Costs the same for every ref, however
 * many there are, where calling `wait` for one at a time looks at all of them each time.
 *
 * @param options - `timeoutMs` is for the whole list: afterwards the loop throws.
 * @throws GetTimeoutError
 */
export async function* asCompleted<T>(
  refs: readonly ObjectRef<T>[],
  options: GetOptions = {},
): AsyncGenerator<Completed<T>, void> {
  const runtime = currentRuntime();
  for (const ref of refs) if (!isObjectRef(ref)) throw new TypeError("asCompleted() takes an array of refs");
  const deadline = options.timeoutMs === undefined ? undefined : performance.now() + options.timeoutMs;
  const settled: number[] = [];
  let onSettled = (): void => {};
  const stops = refs.map((ref, index) =>
    runtime.engine.whenSettled(ref.id as ObjectId, () => {
      settled.push(index);
      onSettled();
    }),
  );
  try {
    for (let taken = 0; taken < refs.length; taken++) {
      if (taken === settled.length) {
        const arrival = new Promise<void>((resolve) => {
          onSettled = resolve;
        });
        const timeoutMs = deadline === undefined ? {} : { timeoutMs: Math.max(0, deadline - performance.now()) };
        await runtime.waiting(arrival, `${refs.length - taken} of ${refs.length} objects`, {
          ...options,
          ...timeoutMs,
        });
      }
      const index = settled[taken] as number;
      const ref = refs[index] as ObjectRef<T>;
      yield { index, ref, ...(await outcomeOf(ref)) };
    }
  } finally {
    for (const stop of stops) stop();
  }
}

async function outcomeOf<T>(ref: ObjectRef<T>): Promise<PromiseSettledResult<T>> {
  const [outcome] = await Promise.allSettled([ref]);
  return outcome;
}
