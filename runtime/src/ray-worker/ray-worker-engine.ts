/** The cluster as code in a Ray worker sees it: the shim beside does for it what a session does for a driver. */

import type { EncodedValue } from "../engine/engine.ts";
import { RayClient } from "../engine/ray/ray-client.ts";
import type { Payload } from "../protocol/codec.ts";
import type { LentValue, RayOrder, RayReport, RayWorkerOptions } from "../protocol/ray.ts";
import type { RemoteValue } from "../protocol/remote.ts";

const NONE: readonly never[] = [];

export class RayWorkerEngine extends RayClient {
  onOrder: ((order: RayOrder) => void) | undefined;

  constructor({ fd, clientId, stackSocket, environment }: RayWorkerOptions) {
    super({ clientId, link: { path: "ray-worker/pipe-thread", data: { fd, stackSocket } } });
    for (const { path, ...folder } of environment?.folders ?? []) {
      if (path !== undefined) this.environments.receive(path, folder);
    }
  }

  protected override receiveOrder(order: RayOrder): void {
    this.onOrder?.(order);
  }

  /** The shim waits for what nobody would tell it any more, so this process ends. */
  protected override ended(error: Error): void {
    process.stderr.write(`A worker lost the thread of its connection: ${error.message}\n`);
    process.exit(1);
  }

  report(report: RayReport): void {
    this.link.send(report);
  }

  flush(): void {
    this.link.flush();
  }

  toRemote(value: EncodedValue): RemoteValue {
    return this.link.toRemote(value);
  }

  /** What a task was given, read by `decode` while what is inside is kept. */
  async borrow<Result>(value: LentValue, decode: (payload: Payload) => Result | Promise<Result>): Promise<Result> {
    if ("bytes" in value) return decode({ bytes: value.bytes, buffers: aligned(value.buffers ?? NONE), refs: NONE });
    const { id } = value;
    this.use(id);
    try {
      await new Promise<void>((resolve) => void this.whenReadable(id, resolve));
      return await decode(this.read(id));
    } finally {
      this.unuse(id);
    }
  }
}

/** Arrays are views on these: each gets memory of its own, not a place in the middle of a message. */
function aligned(buffers: readonly Uint8Array[]): Uint8Array[] {
  return buffers.map((buffer) => Uint8Array.from(buffer));
}
