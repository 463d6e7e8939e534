/**
 * Messages between the kernel process and the session process, and their frames: a 4-byte little-endian length, then
 * UTF-8 JSON. With the length's top bit set, the message's `text` stands apart: the body is the length of the JSON, the
 * JSON of the rest, and the text in UTF-8. Events go from the session's main thread to the kernel on file descriptor 3. Commands come from the
 * kernel, and replies go back, on descriptor 4, which belongs to the guardian thread.
 */
import type { ToEndpoint } from "../transport/comm-endpoint.ts";
import type { ExecuteOutcome, ExecuteRequest, InputAnswer, SessionEvent } from "./session.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/** Descriptor the main thread writes events to. It blocks, so that output appears while a cell spins. */
export const EVENT_FD = 3;
/** Descriptor of the guardian thread: commands in, replies out. Its end of file means that the kernel is gone. */
export const COMMAND_FD = 4;

/** Kernel → guardian. The guardian passes on what the main thread has to do. */
export type SessionCommand =
  | MainCommand
  | InputAnswered
  | { readonly type: "interrupt"; readonly id: number }
  | { readonly type: "usage"; readonly id: number }
  /** A command of the DevTools protocol for V8's inspector, here or in a worker process of a cluster. */
  | {
      readonly type: "inspect";
      readonly id: number;
      readonly method: string;
      readonly params: JsonObject;
      readonly worker?: number;
    }
  | { readonly type: "end-inspection" };

/** Goes to the main thread by a port of its own, because the thread may be waiting for it. */
export interface InputAnswered {
  readonly type: "input-answered";
  readonly id: number;
  readonly answer: InputAnswer;
}

/** Guardian → main thread, by that port. */
export type InputMessage = InputAnswered | { readonly type: "input-interrupted"; readonly id: number };

/** Guardian → main thread. */
export type MainCommand =
  | { readonly type: "execute"; readonly request: ExecuteRequest }
  | { readonly type: "comm"; readonly commId: string; readonly message: ToEndpoint }
  | { readonly type: "delete-globals"; readonly names: readonly string[] }
  | DebuggingChanged;

/** The debugger is on, and worker processes can reach it at `address`; without one it is off. */
export interface DebuggingChanged {
  readonly type: "debugging-changed";
  readonly address?: string;
}

/** Guardian → kernel. */
export type GuardianReply =
  | { readonly type: "interrupt-done"; readonly id: number; readonly isDelivered: boolean }
  | { readonly type: "usage"; readonly id: number; readonly cpuPercent: number; readonly rssBytes: number }
  | { readonly type: "inspected"; readonly id: number; readonly result: JsonObject; readonly error?: string }
  | WorkerReply
  | {
      readonly type: "inspector-event";
      readonly method: string;
      readonly params: JsonObject;
      readonly worker?: number;
    };

/** A worker process of a cluster has come to the debugger, or is gone. */
export type WorkerReply =
  | { readonly type: "worker-attached"; readonly worker: number; readonly name: string }
  | { readonly type: "worker-detached"; readonly worker: number };

/** Main thread → kernel. */
export type ChildEvent =
  | Exclude<SessionEvent, { type: "exited" | "inspector-event" | "worker-attached" | "worker-detached" }>
  | { readonly type: "ready" }
  | { readonly type: "executed"; readonly messageId: string; readonly outcome: ExecuteOutcome };

/** One message as bytes. Values that JSON does not know (BigInt, functions, cycles) lose detail instead of failing. */
export function encodeFrame(message: ChildEvent | SessionCommand | GuardianReply): Buffer {
  const body = Buffer.from(toJson(message), "utf8");
  const frame = Buffer.allocUnsafe(4 + body.length);
  frame.writeUInt32LE(body.length, 0);
  body.copy(frame, 4);
  return frame;
}

/** Set in the length of a frame whose text stands apart. */
const TEXT_APART = 0x8000_0000;
/** Bytes before the JSON of such a frame. */
export const TEXT_HEAD_BYTES = 8;

/** Write the lengths of a frame whose text stands apart, and which begins at `start`. */
export function writeTextLengths(bytes: Buffer, start: number, jsonBytes: number, textBytes: number): void {
  bytes.writeUInt32LE((TEXT_APART | (4 + jsonBytes + textBytes)) >>> 0, start);
  bytes.writeUInt32LE(jsonBytes, start + 4);
}

/** JSON text of `value`: BigInt as a number or digits, bytes as base64, an object inside itself as `"[Circular]"`. */
function toJson(value: unknown): string {
  const ancestors: unknown[] = [];
  return JSON.stringify(value, function (this: unknown, _key: string, item: unknown): unknown {
    if (typeof item === "bigint") return Number.isSafeInteger(Number(item)) ? Number(item) : item.toString();
    if (typeof item !== "object" || item === null) return item;
    while (ancestors.length > 0 && ancestors.at(-1) !== this) ancestors.pop();
    if (ancestors.includes(item)) return "[Circular]";
    ancestors.push(item);
    return item instanceof Uint8Array ? Buffer.from(item).toString("base64") : item;
  });
}

/** Cuts a byte stream into messages. */
export class FrameReader<Message> {
  #chunks: Buffer[] = [];
  #sizeBytes = 0;

  /** Add received bytes; returns the messages they complete. */
  push(chunk: Buffer): Message[] {
    this.#chunks.push(chunk);
    this.#sizeBytes += chunk.length;
    const messages: Message[] = [];
    for (let message = this.#take(); message !== undefined; message = this.#take()) messages.push(message);
    return messages;
  }

  #take(): Message | undefined {
    if (this.#sizeBytes < 4) return undefined;
    const first = this.#chunks[0];
    const head = first !== undefined && first.length >= 4 ? first : this.#join();
    const length = head.readUInt32LE(0);
    const end = 4 + (length & ~TEXT_APART);
    if (this.#sizeBytes < end) return undefined;
    const all = this.#join();
    const rest = all.subarray(end);
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#sizeBytes = rest.length;
    if (length < TEXT_APART) return JSON.parse(all.toString("utf8", 4, end)) as Message;
    const textStart = TEXT_HEAD_BYTES + all.readUInt32LE(4);
    const message = JSON.parse(all.toString("utf8", TEXT_HEAD_BYTES, textStart)) as Message;
    return { ...message, text: all.toString("utf8", textStart, end) };
  }

  #join(): Buffer {
    const [first] = this.#chunks;
    if (this.#chunks.length === 1 && first !== undefined) return first;
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }
}
