/** Writes events to the kernel synchronously, so that they leave the process even while a cell never yields. */
import { writeSync } from "node:fs";
import type { SharedState } from "./shared-state.ts";
import { type ChildEvent, EVENT_FD, encodeFrame } from "./wire.ts";

export class EventWriter {
  readonly #shared: SharedState;

  constructor(shared: SharedState) {
    this.#shared = shared;
  }

  send(event: ChildEvent): void {
    const frame = encodeFrame(event);
    this.#shared.writing(() => writeFully(frame));
  }
}

function writeFully(frame: Buffer): void {
  for (let offset = 0; offset < frame.length; ) {
    try {
      offset += writeSync(EVENT_FD, frame, offset);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EAGAIN" || code === "EINTR") continue;
      // The kernel is gone: nobody reads, and the guardian is about to end this process.
      if (code === "EPIPE" || code === "ECONNRESET" || code === "EBADF") return;
      throw error;
    }
  }
}
