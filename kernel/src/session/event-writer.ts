/** Writes events to the kernel synchronously, so that they leave the process even while a cell never yields. */
import { writeSync } from "node:fs";
import type { PrintBuffer } from "./print-buffer.ts";
import type { Execution } from "./session.ts";
import type { SharedState } from "./shared-state.ts";
import { type ChildEvent, EVENT_FD, encodeFrame, TEXT_HEAD_BYTES, writeTextLengths } from "./wire.ts";

type StreamName = "stdout" | "stderr";

/** Prints that follow one another this closely are a loop's. */
const LOOP_GAP_MS = 1;
/** The first prints of a loop go out at once: should native code end the process, they are not lost. */
const PRINTS_AT_ONCE = 16;
/** A loop's prints go out together when they are this many bytes, or when the guardian finds them a moment later. */
const SENT_BYTES = 16 * 1024;

export interface EventWriterParts {
  readonly shared: SharedState;
  readonly printed: PrintBuffer;
  /** Tell the guardian that text lies in `printed`. */
  readonly alarmGuardian: () => void;
}

export class EventWriter {
  readonly #parts: EventWriterParts;
  #origin: { readonly execution: Execution | undefined; readonly name: StreamName; readonly json: Buffer } | undefined;
  #prints = 0;
  #lastPrintMs = 0;
  #isAtOnce = false;

  constructor(parts: EventWriterParts) {
    this.#parts = parts;
  }

  stream(execution: Execution | undefined, name: StreamName, text: string): void {
    const { shared, printed, alarmGuardian } = this.#parts;
    const json = this.#jsonOf(execution, name);
    const canWait = this.#isInLoop();
    shared.writing(() => {
      let hasRoom = printed.add(json, text);
      if (!hasRoom) {
        printed.flush(writeFully);
        hasRoom = printed.add(json, text);
      }
      if (!hasRoom) writeFully(textFrame(json, text));
      else if (!canWait || printed.usedBytes >= SENT_BYTES) printed.flush(writeFully);
      else if (printed.alarm()) alarmGuardian();
    });
  }

  send(event: ChildEvent): void {
    const { shared, printed } = this.#parts;
    const frame = encodeFrame(event);
    shared.writing(() => {
      printed.flush(writeFully);
      writeFully(frame);
    });
  }

  /** From now on nothing waits: the process exits, and its other thread with it. */
  writeAtOnce(): void {
    const { shared, printed } = this.#parts;
    this.#isAtOnce = true;
    shared.writing(() => printed.flush(writeFully));
  }

  /** Executions are compared by identity: a cell prints with one object. */
  #jsonOf(execution: Execution | undefined, name: StreamName): Buffer {
    if (this.#origin === undefined || this.#origin.execution !== execution || this.#origin.name !== name) {
      const json = Buffer.from(JSON.stringify({ type: "stream", execution, name }));
      this.#origin = { execution, name, json };
    }
    return this.#origin.json;
  }

  #isInLoop(): boolean {
    const now = performance.now();
    this.#prints = now - this.#lastPrintMs < LOOP_GAP_MS ? this.#prints + 1 : 0;
    this.#lastPrintMs = now;
    return this.#prints >= PRINTS_AT_ONCE && !this.#isAtOnce;
  }
}

function textFrame(json: Buffer, text: string): Buffer {
  const frame = Buffer.concat([Buffer.alloc(TEXT_HEAD_BYTES), json, Buffer.from(text)]);
  writeTextLengths(frame, 0, json.length, frame.length - TEXT_HEAD_BYTES - json.length);
  return frame;
}

/** Write to the kernel; returns when all is out. */
export function writeFully(frame: Buffer): void {
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
