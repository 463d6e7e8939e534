/**
 * Messages between the kernel process and the session process, and their frames: a 4-byte little-endian length, then
 * UTF-8 JSON. Events go from the session's main thread to the kernel on file descriptor 3. Commands come from the
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
  /** A command of the DevTools protocol for V8's inspector. */
  | { readonly type: "inspect"; readonly id: number; readonly method: string; readonly params: JsonObject }
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
  | { readonly type: "delete-globals"; readonly names: readonly string[] };

/** Guardian → kernel. */
export type GuardianReply =
  | { readonly type: "interrupt-done"; readonly id: number; readonly isDelivered: boolean }
  | { readonly type: "usage"; readonly id: number; readonly cpuPercent: number; readonly rssBytes: number }
  | { readonly type: "inspected"; readonly id: number; readonly result: JsonObject; readonly error?: string }
  | { readonly type: "inspector-event"; readonly method: string; readonly params: JsonObject };

/** Main thread → kernel. */
export type ChildEvent =
  | Exclude<SessionEvent, { type: "exited" | "inspector-event" }>
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

/**
 * The frame of a `stream` event, which a loop of prints sends a hundred thousand times.
 *
 * @param origin - JSON text of the execution, when one is known.
 */
export function encodeStreamFrame(origin: string | undefined, name: "stdout" | "stderr", text: string): Buffer {
  const execution = origin === undefined ? "" : `"execution":${origin},`;
  const json = `{"type":"stream",${execution}"name":"${name}","text":${JSON.stringify(text)}}`;
  const bodyBytes = Buffer.byteLength(json);
  const frame = Buffer.allocUnsafe(4 + bodyBytes);
  frame.writeUInt32LE(bodyBytes, 0);
  frame.write(json, 4);
  return frame;
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
    for (let body = this.#take(); body !== undefined; body = this.#take()) {
      messages.push(JSON.parse(body.toString("utf8")) as Message);
    }
    return messages;
  }

  #take(): Buffer | undefined {
    if (this.#sizeBytes < 4) return undefined;
    const first = this.#chunks[0];
    const head = first !== undefined && first.length >= 4 ? first : this.#join();
    const bodyBytes = head.readUInt32LE(0);
    if (this.#sizeBytes < 4 + bodyBytes) return undefined;
    const all = this.#join();
    const rest = all.subarray(4 + bodyBytes);
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#sizeBytes = rest.length;
    return all.subarray(4, 4 + bodyBytes);
  }

  #join(): Buffer {
    const [first] = this.#chunks;
    if (this.#chunks.length === 1 && first !== undefined) return first;
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }
}
