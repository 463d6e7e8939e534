/** What the engines of a Ray cluster have in common, driver and worker: all that a remote driver has, but for what is refused here. */
import { UnsupportedError } from "../../errors.ts";
import type { ActorId, ObjectId, PlacementGroupId } from "../../protocol/ids.ts";
import type {
  ActorDescription,
  HttpAddress,
  PlacementGroupDescription,
  PlacementGroupState,
} from "../../protocol/messages.ts";
import type { StateParameters, StateRoute, StateRoutes } from "../../protocol/state.ts";
import type { ActorCallSpec, ItemStream, NewActorSpec, NewPlacementGroupSpec, TaskSpec } from "../engine.ts";
import { RemoteEngine } from "../remote/remote-engine.ts";

const YET = "This version runs tasks and objects on Ray; use a cluster of Mobula's own for it.";
const DASHBOARD = "Ray's own dashboard shows it.";

export abstract class RayClient extends RemoteEngine {
  override readonly name = "ray";

  /** Panels have nobody to talk to. */
  override get viewAddress(): undefined {
    return undefined;
  }

  override submit(spec: TaskSpec): ObjectId {
    return super.submit(checked(spec));
  }

  override submitMany(spec: TaskSpec): readonly ObjectId[] {
    return super.submitMany(checked(spec));
  }

  override submitStream(_spec: TaskSpec): ItemStream {
    throw new UnsupportedError("A streaming task on a Ray cluster", YET);
  }

  override createActor(_spec: NewActorSpec): ActorDescription {
    throw new UnsupportedError("An actor on a Ray cluster", YET);
  }

  override findActor(_name: string, _namespace: string): Promise<ActorDescription | undefined> {
    return Promise.reject(new UnsupportedError("Finding actors of a Ray cluster", YET));
  }

  override listActors(_namespace: string): Promise<readonly string[]> {
    return Promise.reject(new UnsupportedError("Listing actors of a Ray cluster", DASHBOARD));
  }

  override callActor(_spec: ActorCallSpec): ObjectId {
    throw new UnsupportedError("An actor on a Ray cluster", YET);
  }

  override callActorStream(_spec: ActorCallSpec): ItemStream {
    throw new UnsupportedError("An actor on a Ray cluster", YET);
  }

  override endActor(_actorId: ActorId): Promise<void> {
    return Promise.reject(new UnsupportedError("An actor on a Ray cluster", YET));
  }

  override createPlacementGroup(_spec: NewPlacementGroupSpec): Promise<PlacementGroupDescription> {
    return Promise.reject(new UnsupportedError("A placement group on a Ray cluster", YET));
  }

  override findPlacementGroup(_name: string): Promise<PlacementGroupDescription | undefined> {
    return Promise.reject(new UnsupportedError("A placement group on a Ray cluster", YET));
  }

  override watchPlacementGroup(_id: PlacementGroupId, _listener: (state: PlacementGroupState) => void): () => void {
    throw new UnsupportedError("A placement group on a Ray cluster", YET);
  }

  override removePlacementGroup(_groupId: PlacementGroupId): Promise<void> {
    return Promise.reject(new UnsupportedError("A placement group on a Ray cluster", YET));
  }

  override openHttp(): Promise<HttpAddress> {
    return Promise.reject(new UnsupportedError("The state API of a Ray cluster", DASHBOARD));
  }

  override state<Route extends StateRoute>(route: Route, _parameters?: StateParameters): Promise<StateRoutes[Route]> {
    return Promise.reject(new UnsupportedError(`The list '${route}' of a Ray cluster`, DASHBOARD));
  }
}

/** @throws UnsupportedError */
function checked(spec: TaskSpec): TaskSpec {
  if (spec.environment !== undefined) throw new UnsupportedError("A runtimeEnv on a Ray cluster", YET);
  if (spec.placement !== undefined) throw new UnsupportedError("A placement group on a Ray cluster", YET);
  return spec;
}
