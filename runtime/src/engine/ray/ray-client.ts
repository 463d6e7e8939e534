/** What the engines of a Ray cluster have in common, driver and worker: all that a remote driver has, but for what is refused here. */
import { UnsupportedError } from "../../errors.ts";
import type { ObjectId } from "../../protocol/ids.ts";
import type { ActorDescription, HttpAddress } from "../../protocol/messages.ts";
import type { StateParameters, StateRoute, StateRoutes } from "../../protocol/state.ts";
import type { ItemStream, NewActorSpec, TaskSpec } from "../engine.ts";
import { RemoteEngine } from "../remote/remote-engine.ts";

const DASHBOARD = "Ray's own dashboard shows it.";

export abstract class RayClient extends RemoteEngine {
  override readonly name = "ray";

  /** Panels have nobody to talk to. */
  override get viewAddress(): undefined {
    return undefined;
  }

  override submit(spec: TaskSpec): ObjectId {
    checkPlace(spec);
    return super.submit(spec);
  }

  override submitMany(spec: TaskSpec): readonly ObjectId[] {
    checkPlace(spec);
    return super.submitMany(spec);
  }

  override submitStream(spec: TaskSpec): ItemStream {
    checkPlace(spec);
    return super.submitStream(spec);
  }

  override createActor(spec: NewActorSpec): ActorDescription {
    checkPlace(spec);
    return super.createActor(spec);
  }

  override openHttp(): Promise<HttpAddress> {
    return Promise.reject(new UnsupportedError("The state API of a Ray cluster", DASHBOARD));
  }

  override state<Route extends StateRoute>(route: Route, _parameters?: StateParameters): Promise<StateRoutes[Route]> {
    return Promise.reject(new UnsupportedError(`The list '${route}' of a Ray cluster`, DASHBOARD));
  }
}

/** @throws UnsupportedError for work that cannot run just anywhere */
function checkPlace({ environment }: Pick<TaskSpec, "environment">): void {
  for (const part of ["workingDir", "npm"] as const) {
    if (environment?.[part] === undefined) continue;
    const text = "Put what tasks need into the image of the cluster, or name it by a path there.";
    throw new UnsupportedError(`'${part}' of a runtimeEnv on a Ray cluster`, text);
  }
}
