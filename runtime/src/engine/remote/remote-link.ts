/** The main thread's way to its session: messages of one turn in one frame, large values as blobs. */
import { Worker } from "node:worker_threads";
import { errorFromWire } from "../../errors.ts";
import { programUrl } from "../../node/program-url.ts";
import type { TaskGroupView } from "../../protocol/cluster-view.ts";
import type { RayOrder, RayReport } from "../../protocol/ray.ts";
import { type FromSession, REMOTE_INLINE_BYTES, type RemoteValue, type ToSession } from "../../protocol/remote.ts";
import { CHUNK_BYTES, unpackHeader } from "../../protocol/remote-frames.ts";
import type { EncodedValue } from "../engine.ts";
import { BlobStore } from "./blobs.ts";
import {
  type FromLinkThread,
  HAS_ENDED,
  kibOf,
  type LinkProgram,
  type LinkThreadState,
  type ToLinkThread,
  WAITING_KIB,
} from "./link-messages.ts";
import { MessageBatch } from "./message-batch.ts";
import { newViewAddress } from "./view-address.ts";

/** Large values that may wait to be sent; whoever sends more waits, as one does who writes to a disk. */
const MAX_WAITING_KIB: number = 64 * 1024;

export interface RemoteLinkHooks {
  onMessage(message: FromSession | RayOrder): void;
  onEnded(error: Error): void;
  /** A panel wants the tasks of a function ended, that one cell started. */
  onCancelAsked?(name: string, cellId: string | undefined): void;
}

export class RemoteLink {
  readonly #thread: Worker;
  readonly #state: Int32Array;
  readonly #hooks: RemoteLinkHooks;
  readonly blobs: BlobStore = new BlobStore();
  readonly #batch: MessageBatch<ToSession | RayReport> = new MessageBatch((packed) =>
    this.#post({ type: "messages", packed }),
  );
  #nextBlob = 1;
  #viewAddress: string | undefined;
  #isClosed = false;
  #resolveClosed: () => void = () => {};
  readonly #closed: Promise<void>;

  /** @param program - of the thread that owns the connection: its name below this package's root, and what it is told. */
  constructor(program: LinkProgram, hooks: RemoteLinkHooks) {
    this.#hooks = hooks;
    this.#state = new Int32Array(new SharedArrayBuffer(8));
    this.#closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.#thread = new Worker(programUrl(program.path), {
      workerData: { ...program.data, state: this.#state } satisfies LinkThreadState,
      // The user's flags (a loader, a debugger) are for the user's code.
      execArgv: [],
    });
    this.#thread.on("message", (message: FromLinkThread) => this.#receive(message));
    this.#thread.on("error", (error) => this.#end(error));
    // What is awaited keeps the process running, not the connection.
    this.#thread.unref();
  }

  #receive(message: FromLinkThread): void {
    switch (message.type) {
      case "messages":
        for (const each of unpackHeader(message.packed) as (FromSession | RayOrder)[]) this.#hooks.onMessage(each);
        return;
      case "blob":
        this.blobs.add(message.blob, message.parts);
        return;
      case "cancel-tasks":
        this.#hooks.onCancelAsked?.(message.function, message.cellId);
        return;
      case "ended":
        this.#end(errorFromWire(message.error));
        return;
    }
  }

  #end(error: Error): void {
    this.#isClosed = true;
    this.#batch.clear();
    this.#resolveClosed();
    this.#hooks.onEnded(error);
  }

  /** For panels, while they are served here. */
  tellCounts(groups: readonly TaskGroupView[]): void {
    if (!this.#isClosed) this.#post({ type: "work-counted", groups });
  }

  send(message: ToSession | RayReport): void {
    if (!this.#isClosed) this.#batch.add(message);
  }

  /** Needed before code that may not come back, and after V8 dropped pending microtasks. */
  flush(): void {
    this.#batch.flush();
  }

  /** A value as messages carry it. The caller may change its arrays afterwards. Blocks while too much waits to be sent. */
  toRemote(value: EncodedValue): RemoteValue {
    const refs = value.refs.length === 0 ? {} : { refs: value.refs as readonly never[] };
    const inside = value.handles === undefined ? refs : { ...refs, handles: value.handles };
    let sizeBytes = value.bytes.byteLength;
    for (const buffer of value.buffers) sizeBytes += buffer.byteLength;
    if (sizeBytes <= REMOTE_INLINE_BYTES) {
      this.#batch.carries(sizeBytes);
      if (value.buffers.length === 0) return { bytes: value.bytes, ...inside };
      return { bytes: value.bytes, buffers: value.buffers.map((buffer) => Uint8Array.from(buffer)), ...inside };
    }
    this.#waitForRoom();
    const blob = this.#nextBlob++;
    this.#postPieces(blob, [value.bytes, ...value.buffers]);
    return { blob, ...inside };
  }

  /** The first leaves while the next is copied. */
  #postPieces(blob: number, parts: readonly Uint8Array[]): void {
    let about: { readonly lengths?: readonly number[] } = { lengths: parts.map((part) => part.byteLength) };
    for (const part of parts) {
      for (let offset = 0; offset < part.byteLength; offset += CHUNK_BYTES) {
        const piece = new Uint8Array(part.subarray(offset, offset + CHUNK_BYTES));
        Atomics.add(this.#state, WAITING_KIB, kibOf(piece.byteLength));
        this.#post({ type: "piece", blob, piece, ...about }, [piece.buffer]);
        about = {};
      }
    }
  }

  #waitForRoom(): void {
    for (;;) {
      const waitingKib = Atomics.load(this.#state, WAITING_KIB);
      if (waitingKib <= MAX_WAITING_KIB || Atomics.load(this.#state, HAS_ENDED) === 1) return;
      // What waits may depend on messages of this turn: a value that its reader asked for.
      this.flush();
      Atomics.wait(this.#state, WAITING_KIB, waitingKib);
    }
  }

  #post(message: ToLinkThread, transfer: readonly ArrayBuffer[] = []): void {
    if (!this.#isClosed) this.#thread.postMessage(message, transfer);
  }

  /** Where panels of this machine connect; made by the first call. */
  serveViews(): string {
    if (this.#viewAddress === undefined) {
      this.#viewAddress = newViewAddress();
      this.#post({ type: "serve-views", address: this.#viewAddress });
    }
    return this.#viewAddress;
  }

  /** Say goodbye and end. */
  async close(): Promise<void> {
    if (this.#isClosed) {
      await this.#closed;
      return;
    }
    this.flush();
    this.#post({ type: "close" });
    this.#isClosed = true;
    this.#thread.ref();
    await this.#closed;
  }

  /** The process exits: say goodbye while this thread still can wait for it. */
  closeAtExit(withinMs: number): void {
    if (this.#isClosed) return;
    this.flush();
    this.#post({ type: "close" });
    this.#isClosed = true;
    Atomics.wait(this.#state, HAS_ENDED, 0, withinMs);
  }
}
