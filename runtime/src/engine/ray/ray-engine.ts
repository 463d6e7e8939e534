/**
 * A Ray cluster as its driver sees it. A session in the cluster stands for the driver, and speaks to it as a session of
 * Mobula's own does; so this is a remote engine whose session has to be found first. See hub.ts, and
 * `runtime/python/mobula_ray/` for the other end.
 */
import { EngineClosedError } from "../../errors.ts";
import { stateDirectory } from "../../node/discovery.ts";
import type { ClusterDescription } from "../../protocol/messages.ts";
import type { StateParameters, StateRoute, StateRoutes } from "../../protocol/state.ts";
import { driverConnection, type RemoteOptions } from "../remote/remote-engine.ts";
import { JobsApi } from "./jobs-api.ts";
import { parseRayAddress } from "./ray-address.ts";
import { RayClient } from "./ray-client.ts";
import { RayStateApi } from "./ray-state-api.ts";
import { rayToken } from "./ray-token.ts";
import { WorkCounts } from "./work-counts.ts";

/** How long the hub stays for the next driver. */
const HUB_IDLE_MS = 600_000;

export class RayEngine extends RayClient {
  readonly #state: RayStateApi;
  #counts: WorkCounts | undefined;
  #isClosed = false;

  /**
   * Returns at once; calls wait until the connection is there, and fail when it cannot be made.
   *
   * @throws ConnectionFailedError when the address is none
   */
  constructor(options: RemoteOptions) {
    const { address } = options;
    const { host, port } = parseRayAddress(address);
    const { env } = process;
    const token = options.token ?? rayToken(env);
    const hub = env["MOBULA_RAY_HUB"] || undefined;
    const idleMs = Number(env["MOBULA_RAY_HUB_IDLE_MS"] || HUB_IDLE_MS);
    super(
      driverConnection(options, { ray: { address, host, port, token, hub, secrets: stateDirectory(env), idleMs } }),
    );
    this.#state = new RayStateApi(new JobsApi({ address, host, port, token }));
  }

  override async state<Route extends StateRoute>(
    route: Route,
    parameters: StateParameters = {},
  ): Promise<StateRoutes[Route]> {
    if (this.#isClosed) throw new EngineClosedError();
    return await this.#state.read(route, parameters);
  }

  /** The session tells fresher amounts than the dashboard, and the dashboard more. */
  override async describe(): Promise<ClusterDescription> {
    const seen = this.#state.cluster();
    // Whatever is wrong, the session says it better.
    seen.catch(() => {});
    const { resources, objectStore, nodes } = await super.describe();
    const told = await seen;
    const used = new Map(nodes.map((node) => [node.id, node.used]));
    const fresh = told.nodes.map((node) => ({ ...node, used: used.get(node.id) ?? node.used ?? {} }));
    return { ...told, resources, objectStore, nodes: fresh };
  }

  /** A socket of this machine; the thread of the wire serves it, from what the dashboard tells. */
  override get viewAddress(): string | undefined {
    if (this.#counts === undefined) {
      const counts = new WorkCounts((groups) => this.link.tellCounts(groups));
      this.observe(counts);
      this.#counts = counts;
    }
    return this.link.serveViews();
  }

  protected override ended(): void {
    this.#counts?.close();
  }

  override async close(): Promise<void> {
    this.#isClosed = true;
    await super.close();
  }
}
