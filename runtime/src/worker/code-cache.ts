/** Functions this worker has been sent, revived once each. */
import { reviveFunction } from "../closure/index.ts";
import type { ObjectTable } from "../engine/local/object-table.ts";
import type { DecodeHooks } from "../protocol/codec.ts";
import type { WireCode } from "../protocol/messages.ts";

const TIMERS: readonly string[] = ["setTimeout", "setInterval", "setImmediate", "node:timers"];

/** The payload holds the text of the function and of all helpers that it captures, as UTF-8. */
function mentionsTimers({ bytes, buffers = [], isBytesInRegion = false }: WireCode["value"]): boolean {
  // Code that large is not searched.
  if (isBytesInRegion) return true;
  return [bytes, ...buffers].some((part) => {
    const text = Buffer.from(part.buffer, part.byteOffset, part.byteLength);
    return TIMERS.some((name) => text.includes(name));
  });
}

export type UserFunction = (...args: unknown[]) => unknown;

export class CodeCache {
  readonly #objects: ObjectTable;
  readonly #hooks: DecodeHooks;
  readonly #onTimers: () => void;
  readonly #codes = new Map<string, UserFunction | Promise<UserFunction>>();

  /** @param onTimers - called before code is revived that may go on when its call is over. */
  constructor(objects: ObjectTable, hooks: DecodeHooks, onTimers: () => void) {
    this.#objects = objects;
    this.#hooks = hooks;
    this.#onTimers = onTimers;
  }

  /** Take what a client sent. It may send what another has sent before. */
  load({ codeId, value }: WireCode): void {
    this.#objects.receive(value);
    if (this.#codes.has(codeId)) {
      this.#objects.drop(value);
      return;
    }
    const reviving = this.revive(value);
    this.#codes.set(codeId, reviving);
    reviving.then(
      (fn) => this.#codes.set(codeId, fn),
      // Whoever calls the function gets the error, from `get`.
      () => {},
    );
  }

  async revive(value: WireCode["value"]): Promise<UserFunction> {
    if (mentionsTimers(value)) this.#onTimers();
    return await reviveFunction(await this.#objects.toPayload(value), this.#hooks);
  }

  /** The function at once, or a promise while it is revived. */
  get(codeId: string): UserFunction | Promise<UserFunction> {
    return this.#codes.get(codeId) ?? Promise.reject(new Error(`Code ${codeId} was not sent before its call`));
  }
}
