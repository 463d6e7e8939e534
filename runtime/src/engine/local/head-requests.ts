/** Questions about the whole cluster, which the head answers. */
import { EngineClosedError, errorFromWire } from "../../errors.ts";
import type { ClusterDescription, FromHead, HeadCheck, HttpAddress } from "../../protocol/messages.ts";
import type { StateParameters, StateRoute, StateRoutes } from "../../protocol/state.ts";
import type { HeadLink } from "./head-link.ts";
import type { KeepAlive } from "./keep-alive.ts";
import type { ObjectTable } from "./object-table.ts";
import type { WorkReport } from "./work-report.ts";

export class HeadRequests {
  readonly #link: HeadLink;
  readonly #keepAlive: KeepAlive;
  readonly #report: WorkReport;
  readonly #objects: ObjectTable;

  constructor(link: HeadLink, keepAlive: KeepAlive, report: WorkReport, objects: ObjectTable) {
    this.#link = link;
    this.#keepAlive = keepAlive;
    this.#report = report;
    this.#objects = objects;
  }

  async describe(): Promise<ClusterDescription> {
    this.#report.report();
    this.#objects.flushReleases();
    const { cluster } = await this.#ask("cluster-described", (requestId) => ({ type: "describe-cluster", requestId }));
    return cluster;
  }

  async openHttp(): Promise<HttpAddress> {
    const { result } = await this.#ask("http-opened", (requestId) => ({ type: "open-http", requestId }));
    if ("token" in result) return result;
    throw errorFromWire(result);
  }

  /** Resolves when all workers have connected to the debugger. */
  async useDebugger(address: string | undefined): Promise<void> {
    const about = address === undefined ? {} : { address };
    await this.#ask("debugger-used", (requestId) => ({ type: "use-debugger", requestId, ...about }));
  }

  async check(): Promise<HeadCheck> {
    const { check } = await this.#ask("checked", (requestId) => ({ type: "check", requestId }));
    return check;
  }

  async state<Route extends StateRoute>(route: Route, parameters: StateParameters): Promise<StateRoutes[Route]> {
    this.#report.report();
    const reply = await this.#ask("state-answer", (requestId) => ({
      type: "query-state",
      requestId,
      route,
      parameters,
    }));
    if (reply.error !== undefined) throw errorFromWire(reply.error);
    return reply.answer as StateRoutes[Route];
  }

  async #ask<Type extends FromHead["type"]>(
    type: Type,
    request: Parameters<HeadLink["request"]>[0],
  ): Promise<Extract<FromHead, { type: Type }>> {
    const reply: FromHead = await this.#keepAlive.during(this.#link.request(request));
    if (reply.type !== type) throw new EngineClosedError("the head sent a wrong reply");
    return reply as Extract<FromHead, { type: Type }>;
  }
}
