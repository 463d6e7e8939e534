/** The task that a Ray worker runs, as its code and what it prints know it. */
import type { CallContext } from "../api/runtime.ts";
import type { TaskId } from "../protocol/ids.ts";
import type { WireExecution, WireJob } from "../protocol/messages.ts";
import type { BecomeOrder, RunOrder } from "../protocol/ray.ts";
import type { RemoteValue } from "../protocol/remote.ts";
import type { Output, PrintingTask } from "../worker/output-capture.ts";
import type { RayWorkerEngine } from "./ray-worker-engine.ts";

export class RayCall implements CallContext, PrintingTask {
  readonly order: RunOrder | BecomeOrder;
  readonly #engine: RayWorkerEngine;
  readonly #controller = new AbortController();
  readonly #listeners = new Set<() => void>();
  /** Items of its stream that were sent in this run, and that went on to Ray. */
  #sent = 0;
  #taken = 0;
  #onRoom: (() => void) | undefined;
  stopReason: "cancelled" | "timeout" | undefined;
  isOver = false;

  constructor(order: RunOrder | BecomeOrder, engine: RayWorkerEngine) {
    this.order = order;
    this.#engine = engine;
  }

  get taskId(): TaskId {
    return this.order.taskId;
  }

  get name(): string {
    return this.order.name;
  }

  get execution(): WireExecution | undefined {
    return this.order.execution;
  }

  get call(): { readonly depth: number; readonly attempt: number } {
    return this.order;
  }

  get job(): WireJob | undefined {
    return this.order.job;
  }

  get resources(): RunOrder["resources"] {
    return this.order.resources;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get isStopping(): boolean {
    return this.stopReason !== undefined;
  }

  onStop(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stop(reason: "cancelled" | "timeout"): void {
    if (this.stopReason !== undefined || this.isOver) return;
    this.stopReason = reason;
    const text = reason === "timeout" ? "its time is over" : "it was cancelled";
    this.#controller.abort(new DOMException(`Task '${this.name}' has to stop: ${text}`, "AbortError"));
    for (const listener of this.#listeners) listener();
    this.#onRoom?.();
  }

  /** Send an item; resolves when there is room for the next one, or the call has to stop. */
  async yields(value: RemoteValue, ahead: number): Promise<void> {
    this.#engine.report({ type: "yielded", taskId: this.taskId, values: [value] });
    this.#engine.flush();
    this.#sent++;
    while (this.#sent - this.#taken > ahead && !this.isStopping) {
      await new Promise<void>((resolve) => {
        this.#onRoom = resolve;
      });
    }
  }

  taken(count: number): void {
    this.#taken = count;
    this.#onRoom?.();
  }

  send(output: Output): void {
    const { rayTask } = this.order;
    const origin = rayTask === undefined ? {} : { task: rayTask };
    this.#engine.report({ type: "output", output: { ...output, ...origin, atMs: Date.now() } });
  }

  flush(): void {
    this.#engine.flush();
  }
}
