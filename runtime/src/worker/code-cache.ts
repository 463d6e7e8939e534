/** Functions this worker has been sent, revived once each. */
import { reviveFunction } from "../closure/index.ts";
import type { ObjectTable } from "../engine/local/object-table.ts";
import type { DecodeHooks } from "../protocol/codec.ts";
import type { WireCode } from "../protocol/messages.ts";

export type UserFunction = (...args: unknown[]) => unknown;

export class CodeCache {
  readonly #objects: ObjectTable;
  readonly #hooks: DecodeHooks;
  readonly #codes = new Map<string, UserFunction | Promise<UserFunction>>();

  constructor(objects: ObjectTable, hooks: DecodeHooks) {
    this.#objects = objects;
    this.#hooks = hooks;
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
    return await reviveFunction(await this.#objects.toPayload(value), this.#hooks);
  }

  /** The function at once, or a promise while it is revived. */
  get(codeId: string): UserFunction | Promise<UserFunction> {
    return this.#codes.get(codeId) ?? Promise.reject(new Error(`Code ${codeId} was not sent before its call`));
  }
}
