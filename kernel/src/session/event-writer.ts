/** Writes events to the kernel synchronously, so that they leave the process even while a cell never yields. */
import { writeSync } from "node:fs";
import type { Execution } from "./session.ts";
import type { SharedState } from "./shared-state.ts";
import { type ChildEvent, EVENT_FD, encodeFrame, encodeStreamFrame } from "./wire.ts";

export class EventWriter {
  readonly #shared: SharedState;
  #printing: { readonly execution: Execution; readonly json: string } | undefined;

  constructor(shared: SharedState) {
    this.#shared = shared;
  }

  /** Printed text. Executions are looked up by identity: a cell prints with one object. */
  stream(execution: Execution | undefined, name: "stdout" | "stderr", text: string): void {
    if (execution !== undefined && execution !== this.#printing?.execution) {
      this.#printing = { execution, json: JSON.stringify(execution) };
    }
    const frame = encodeStreamFrame(execution && this.#printing?.json, name, text);
    this.#shared.writing(() => writeFully(frame));
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
