/** Streams of a remote driver: items go to it as they come, as far ahead of their reader as its window allows. */
import type { ItemStream } from "../engine/engine.ts";
import type { ObjectId, TaskId } from "../protocol/ids.ts";

export interface SessionStreamHooks {
  item(taskId: TaskId, id: ObjectId): void;
  ended(taskId: TaskId, error?: unknown): void;
}

interface Reader {
  readonly stream: ItemStream;
  /** Items that go to the driver before it asks for them. */
  readonly ahead: number;
  sent: number;
  wanted: number;
  /** Set while the driver has enough. */
  wake: (() => void) | undefined;
}

export class SessionStreams {
  readonly #hooks: SessionStreamHooks;
  readonly #readers = new Map<TaskId, Reader>();

  constructor(hooks: SessionStreamHooks) {
    this.#hooks = hooks;
  }

  /** @param ahead - items that go to the driver before it asks for them. */
  add(stream: ItemStream, ahead: number): void {
    const reader: Reader = { stream, ahead, sent: 0, wanted: 0, wake: undefined };
    this.#readers.set(stream.taskId, reader);
    void this.#pump(reader);
  }

  async #pump(reader: Reader): Promise<void> {
    const { taskId } = reader.stream;
    try {
      for (;;) {
        if (reader.sent >= reader.wanted + reader.ahead) {
          await new Promise<void>((resolve) => {
            reader.wake = resolve;
          });
        }
        const id = await reader.stream.next();
        if (id === undefined) break;
        reader.sent++;
        this.#hooks.item(taskId, id);
      }
      this.#hooks.ended(taskId);
    } catch (error) {
      this.#hooks.ended(taskId, error);
    } finally {
      this.#readers.delete(taskId);
    }
  }

  wanted(taskId: TaskId, count: number): void {
    const reader = this.#readers.get(taskId);
    if (reader === undefined) return;
    reader.wanted = count;
    this.#wake(reader);
  }

  close(taskId: TaskId): void {
    const reader = this.#readers.get(taskId);
    if (reader === undefined) return;
    reader.stream.close();
    reader.wanted = Number.POSITIVE_INFINITY;
    this.#wake(reader);
  }

  #wake(reader: Reader): void {
    reader.wake?.();
    reader.wake = undefined;
  }
}
