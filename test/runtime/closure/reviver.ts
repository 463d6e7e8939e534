/** Another process that runs functions captured in this one. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type AnyFunction, captureFunction, closureReader, closureWriter } from "../../../runtime/src/closure/index.ts";
import { errorFromWire, type WireError } from "../../../runtime/src/errors.ts";
import { decodeAsync, type EncodeHooks, encode, type Payload } from "../../../runtime/src/protocol/codec.ts";

type Answer = { readonly call: number } & ({ readonly payload: Payload } | { readonly error: WireError });

/** `collect`: the items of a generator, as a list. */
export type CallKind = "call" | "collect" | "construct";

const refBrand: unique symbol = Symbol.for("mobula.ref") as never;

export interface TestRef {
  readonly [refBrand]: true;
  readonly id: string;
}

export function testRef(id: string): TestRef {
  return { [refBrand]: true, id };
}

const hooks: EncodeHooks = {
  refOf: (ref) => (ref as TestRef).id,
  actorOf: (handle) => (handle as { description: unknown }).description,
};

export class Reviver {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #calls = 0;

  constructor() {
    this.#child = fork(fileURLToPath(new URL("./fixtures/reviver.mjs", import.meta.url)), {
      serialization: "advanced",
      execArgv: [],
    });
    this.#child.on("message", (answer: Answer) => this.#waiting.get(answer.call)?.(answer));
  }

  /** Capture `fn` here, call it there. */
  async run(fn: AnyFunction, args: readonly unknown[] = [], how: CallKind = "call"): Promise<unknown> {
    const { id, payload } = captureFunction(fn, { hooks });
    return this.send({ id, payload, args, how });
  }

  /** Call something that was sent before when `payload` is left out. */
  async send(request: { id: string; payload?: Payload; args?: readonly unknown[]; how?: CallKind }): Promise<unknown> {
    const call = this.#calls++;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(call, resolve));
    const args = encode(request.args ?? [], { ...hooks, code: closureWriter, path: "args" });
    this.#child.send({ ...request, call, args });
    const answer = await answered;
    if ("error" in answer) throw errorFromWire(answer.error);
    return decodeAsync(answer.payload, { code: closureReader, makeRef: testRef });
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.disconnect();
    await closed;
  }
}
