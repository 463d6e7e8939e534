/** The task that a Ray worker runs, as its code and what it prints know it. */
import type { CallContext } from "../api/runtime.ts";
import type { TaskId } from "../protocol/ids.ts";
import type { WireExecution, WireJob } from "../protocol/messages.ts";
import type { BecomeOrder, RunOrder } from "../protocol/ray.ts";
import type { Output, PrintingTask } from "../worker/output-capture.ts";
import type { RayWorkerEngine } from "./ray-worker-engine.ts";

export class RayCall implements CallContext, PrintingTask {
  readonly order: RunOrder | BecomeOrder;
  readonly #engine: RayWorkerEngine;
  readonly #controller = new AbortController();
  readonly #listeners = new Set<() => void>();
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
  }

  send(output: Output): void {
    this.#engine.report({ type: "output", output });
  }

  flush(): void {
    this.#engine.flush();
  }
}
