/**
 * Owns a remote driver's connection, on a thread of its own: it answers heartbeats, comes back after a cut and serves the
 * panel while the user's code keeps the main thread busy.
 */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { EngineClosedError, toWireError } from "../../errors.ts";
import type { TaskGroupView } from "../../protocol/cluster-view.ts";
import { FRAME, packHeader, type RemoteFrame } from "../../protocol/remote-frames.ts";
import { openHub } from "../ray/hub.ts";
import type { RayOptions } from "../ray/ray-options.ts";
import { BlobReceiver } from "./blobs.ts";
import { Dialer } from "./dialer.ts";
import {
  type FromLinkThread,
  HAS_ENDED,
  kibOf,
  type LinkThreadData,
  type ToLinkThread,
  WAITING_KIB,
} from "./link-messages.ts";
import { ReliableChannel } from "./reliable-channel.ts";
import { ViewForwarder } from "./view-forwarder.ts";

/** How long the goodbye may take to leave. */
const CLOSE_WITHIN_MS = 1_000;

const data = workerData as LinkThreadData;
const main = parentPort as MessagePort;

function tell(message: FromLinkThread, transfer: readonly ArrayBuffer[] = []): void {
  main.postMessage(message, transfer);
}

/** Memory of its own can change threads; a view on a part of something larger is copied. */
function ownBuffer(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteLength } = bytes;
  if (buffer.byteLength === byteLength) return bytes as Uint8Array<ArrayBuffer>;
  return new Uint8Array(bytes);
}

const blobs = new BlobReceiver((blob, parts) => {
  tell({ type: "blob", blob, parts }, [...new Set(parts.map((part) => part.buffer as ArrayBuffer))]);
});
const channel = new ReliableChannel(deliver, blobSent);
let views: { close(): void } | undefined;
let forwarder: ViewForwarder | undefined;
let onCounted: (groups: readonly TaskGroupView[]) => void = () => {};
let dialer: Dialer | undefined;
let isClosing = false;

function deliver(frame: RemoteFrame): void {
  if (frame.kind === FRAME.chunk) blobs.receive(frame);
  else if (frame.kind === FRAME.view) forwarder?.receive(frame);
  else {
    const packed = ownBuffer(frame.header);
    tell({ type: "messages", packed }, [packed.buffer]);
  }
}

/** A piece, as it came. */
function blobSent(bytes: number): void {
  Atomics.sub(data.state, WAITING_KIB, kibOf(bytes));
  Atomics.notify(data.state, WAITING_KIB);
}

function ended(error: Error): void {
  // A process that exits waits for HAS_ENDED and no longer: what lies on disk goes before.
  views?.close();
  Atomics.store(data.state, HAS_ENDED, 1);
  Atomics.notify(data.state, HAS_ENDED);
  Atomics.notify(data.state, WAITING_KIB);
  tell({ type: "ended", error: toWireError(error) });
  main.close();
}

// The main thread may be waiting for this one.
process.on("uncaughtException", ended);

main.on("message", (message: ToLinkThread) => {
  switch (message.type) {
    case "messages":
      channel.send(FRAME.messages, message.packed);
      return;
    case "piece":
      channel.sendPiece(message.blob, message.piece, message.lengths);
      return;
    case "serve-views":
      if ("ray" in data.target) serveRayViews(message.address, data.target.ray).catch(ended);
      else views = forwarder = new ViewForwarder(message.address, channel);
      return;
    case "work-counted":
      onCounted(message.groups);
      return;
    case "close":
      channel.send(FRAME.messages, packHeader([{ type: "bye" }]));
      isClosing = true;
      if (dialer === undefined) ended(new EngineClosedError());
      else dialer.close(CLOSE_WITHIN_MS, () => ended(new EngineClosedError()));
      return;
  }
});

/** Only notebooks have panels: others need not load what serves them. */
async function serveRayViews(address: string, options: RayOptions): Promise<void> {
  const { RayViews } = await import("../ray/ray-views.ts");
  // Nobody would remove its folder.
  if (Atomics.load(data.state, HAS_ENDED) === 1) return;
  const served = new RayViews(address, options, data.hello.clientId, tell);
  views = served;
  onCounted = (groups) => served.counted(groups);
}

async function connect(): Promise<void> {
  const { target } = data;
  const found = "ray" in target ? await openHub(target.ray) : target;
  if (isClosing) return;
  dialer = new Dialer(data, found, channel, ended);
  dialer.dial();
}

connect().catch(ended);
