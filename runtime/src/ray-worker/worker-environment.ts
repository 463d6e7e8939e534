/** The environment of a Ray worker's Node process: made ready with the first task that needs it. */
import { join } from "node:path";
import { toWireError } from "../errors.ts";
import { cacheDirectory } from "../node/cache-directory.ts";
import { SETUP_TIMEOUT_MS } from "../node/environments.ts";
import { installPackages } from "../node/npm-packages.ts";
import type { RayEnvironment, RayOrder, RayReport } from "../protocol/ray.ts";
import { enterEnvironment } from "../worker/environment.ts";

export class WorkerEnvironment {
  readonly #environment: RayEnvironment;
  readonly #report: (report: RayReport) => void;
  #held: RayOrder[] = [];
  #abort: AbortController | undefined;
  #isReady = false;

  constructor(environment: RayEnvironment, report: (report: RayReport) => void) {
    this.#environment = environment;
    this.#report = report;
  }

  /** Pass the order to `next` when all is ready; tasks fail when that cannot be, and the next one tries again. */
  take(order: RayOrder, next: (order: RayOrder) => void): void {
    if (this.#isReady) {
      next(order);
      return;
    }
    if (order.type === "stop") this.#abort?.abort(order.reason);
    else this.#held.push(order);
    if (order.type === "run" && this.#abort === undefined) void this.#prepare(next);
  }

  async #prepare(next: (order: RayOrder) => void): Promise<void> {
    const abort = new AbortController();
    this.#abort = abort;
    try {
      await this.#enter(abort.signal);
      this.#isReady = true;
      for (const order of this.#held) next(order);
    } catch (error) {
      this.#fail(error, abort.signal);
    } finally {
      this.#abort = undefined;
    }
  }

  async #enter(signal: AbortSignal): Promise<void> {
    const { npm, setupTimeoutMs } = this.#environment;
    const environment = this.#environment;
    if (npm === undefined) {
      enterEnvironment({ environment });
      return;
    }
    const packages = await installPackages({
      ...npm,
      root: join(cacheDirectory(), "npm"),
      timeoutMs: setupTimeoutMs ?? SETUP_TIMEOUT_MS,
      signal,
      onText: (text) => void process.stderr.write(text),
    });
    enterEnvironment({ environment, packages });
  }

  #fail(problem: unknown, signal: AbortSignal): void {
    const error = toWireError(problem);
    const reason = signal.aborted ? (signal.reason as "cancelled" | "timeout") : "error";
    const held = this.#held;
    // Code comes once, and may be wanted by the next task.
    this.#held = held.filter(({ type }) => type === "load");
    for (const order of held) {
      if (order.type !== "run") continue;
      const { taskId } = order;
      this.#report({ type: "threw", taskId, error, thrown: error, classNames: ["RuntimeEnvError"], reason });
    }
  }
}
