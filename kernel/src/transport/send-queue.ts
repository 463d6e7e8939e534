import type { MessageLike } from "zeromq";

interface Sender {
  send(frames: MessageLike[]): Promise<void>;
}

/** Sends one multipart message after the other: a ZeroMQ socket refuses a send while another is under way. */
export class SendQueue {
  private readonly socket: Sender;
  private readonly onError: (error: unknown) => void;
  private waiting: (readonly Uint8Array[])[] = [];
  private draining: Promise<void> | undefined;

  constructor(socket: Sender, onError: (error: unknown) => void) {
    this.socket = socket;
    this.onError = onError;
  }

  push(frames: readonly Uint8Array[]): void {
    this.waiting.push(frames);
    this.draining ??= this.drain();
  }

  /** Resolves when everything pushed so far was handed to ZeroMQ or refused by it. */
  async flush(): Promise<void> {
    await this.draining;
  }

  private async drain(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting;
      this.waiting = [];
      for (const frames of batch) {
        try {
          await this.socket.send([...frames]);
        } catch (error) {
          this.onError(error);
        }
      }
    }
    this.draining = undefined;
  }
}
