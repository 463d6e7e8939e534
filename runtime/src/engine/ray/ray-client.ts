/** What the engines of a Ray cluster have in common, driver and worker: all that a remote driver has, but for what is refused here. */
import { UnsupportedError } from "../../errors.ts";
import type { ObjectId } from "../../protocol/ids.ts";
import type { ActorDescription, HttpAddress } from "../../protocol/messages.ts";
import type { StateParameters, StateRoute, StateRoutes } from "../../protocol/state.ts";
import type { ItemStream, NewActorSpec, TaskSpec } from "../engine.ts";
import { RemoteEngine } from "../remote/remote-engine.ts";
import { RayEnvironments } from "./ray-environments.ts";

const DASHBOARD = "Ray's own dashboard shows it.";

export abstract class RayClient extends RemoteEngine {
  override readonly name = "ray";
  protected readonly environments: RayEnvironments = new RayEnvironments((archive) =>
    this.put({ bytes: archive, buffers: [], refs: [] }),
  );

  /** Tasks have no panels. */
  override get viewAddress(): string | undefined {
    return undefined;
  }

  override submit(spec: TaskSpec): ObjectId {
    return super.submit(this.#placed(spec));
  }

  override submitMany(spec: TaskSpec): readonly ObjectId[] {
    return super.submitMany(this.#placed(spec));
  }

  override submitStream(spec: TaskSpec): ItemStream {
    return super.submitStream(this.#placed(spec));
  }

  override createActor(spec: NewActorSpec): ActorDescription {
    return super.createActor(this.#placed(spec));
  }

  override openHttp(): Promise<HttpAddress> {
    return Promise.reject(new UnsupportedError("The state API of a Ray cluster", DASHBOARD));
  }

  override state<Route extends StateRoute>(route: Route, _parameters?: StateParameters): Promise<StateRoutes[Route]> {
    return Promise.reject(new UnsupportedError(`The list '${route}' of a Ray cluster`, DASHBOARD));
  }

  /** What its environment names on this machine goes along. */
  #placed<Spec extends Pick<TaskSpec, "environment">>(spec: Spec): Spec {
    const { environment } = spec;
    return environment === undefined ? spec : { ...spec, environment: this.environments.prepare(environment) };
  }
}
