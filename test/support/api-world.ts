/** Classes and helpers that the tests of the public API share. */

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export type Failure = Error & { readonly code: string; readonly cause: Error };

/** What `promise` rejects with. */
export async function failure(promise: PromiseLike<unknown>): Promise<Failure> {
  try {
    await promise;
  } catch (error) {
    return error as Failure;
  }
  throw new Error("it did not fail");
}

export class Counter {
  n: number;
  constructor(start = 0) {
    this.n = start;
  }
  add(k: number): number {
    this.n += k;
    return this.n;
  }
  pid(): number {
    return process.pid;
  }
  exit(): void {
    process.exit(7);
  }
  fail(): never {
    throw new RangeError("out of range");
  }
  *upTo(end: number): Generator<number> {
    for (let i = 0; i < end; i++) yield i;
  }
}

export class Sleeper {
  readonly log: string[] = [];
  async nap(ms: number): Promise<number> {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return ms;
  }
  note(text: string): void {
    this.log.push(text);
  }
  notes(): string[] {
    return this.log;
  }
}
