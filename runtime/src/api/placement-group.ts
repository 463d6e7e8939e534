/** `placementGroup`: resources set aside together. */
import { fromAmounts, toAmounts } from "../core/resources.ts";
import { hasCode, PlacementGroupRemovedError } from "../errors.ts";
import type { PlacementGroupId } from "../protocol/ids.ts";
import type {
  PlacementGroupDescription,
  PlacementGroupState,
  PlacementStrategy,
  WirePlacement,
} from "../protocol/messages.ts";
import { currentRuntime } from "./lifecycle.ts";
import { checkResourceNames } from "./resources.ts";
import type { GetOptions } from "./runtime.ts";

/** Resources of one bundle of a placement group. */
export interface Bundle {
  readonly cpus?: number;
  readonly gpus?: number;
  readonly memoryBytes?: number;
  /** Amounts of resources that `init({ resources })` named. */
  readonly resources?: Readonly<Record<string, number>>;
}

/** Options of `placementGroup`. */
export interface PlacementGroupOptions {
  /**
   * Whether bundles prefer one node (PACK) or different ones (SPREAD), or insist on it (STRICT_…). On this machine alone
   * the first three are the same, and STRICT_SPREAD can have one bundle. Default PACK.
   */
  readonly strategy?: PlacementStrategy;
  /** Others find it by `placementGroup.get(name)`. */
  readonly name?: string;
  /** `detached`: it stays when the driver that made it ends, until it is removed. Default: it ends with that. */
  readonly lifetime?: "detached";
}

/** Resources set aside for tasks and actors that name this group in their options. It can be passed to tasks. */
export class PlacementGroup implements AsyncDisposable {
  readonly id: string;
  readonly strategy: PlacementStrategy;
  readonly bundles: readonly Bundle[];
  readonly name: string | undefined;

  /** Only `placementGroup` makes them. */
  constructor({ groupId, strategy, bundles, name }: PlacementGroupDescription) {
    this.id = groupId;
    this.strategy = strategy;
    this.bundles = bundles.map((bundle) => bundleOf(fromAmounts(bundle)));
    this.name = name;
  }

  /**
   * Resolves when all bundles have their resources.
   *
   * @throws GetTimeoutError, PlacementGroupRemovedError
   */
  async ready(options: GetOptions = {}): Promise<void> {
    const runtime = currentRuntime();
    let state: PlacementGroupState = "pending";
    let stop: () => void = () => {};
    const change = new Promise<void>((resolve) => {
      stop = runtime.engine.watchPlacementGroup(this.id as PlacementGroupId, (now) => {
        state = now;
        if (now !== "pending") resolve();
      });
    });
    try {
      await runtime.waiting(change, `placement group '${this.name ?? this.id}'`, options);
    } finally {
      stop();
    }
    if ((state as PlacementGroupState) === "removed") {
      throw new PlacementGroupRemovedError("ready()", this.name ?? this.id);
    }
  }

  /**
   * Does it have its resources within this time?
   *
   * @throws PlacementGroupRemovedError
   */
  async wait(options: GetOptions = {}): Promise<boolean> {
    try {
      await this.ready(options);
      return true;
    } catch (error) {
      if (hasCode(error, "GET_TIMEOUT")) return false;
      throw error;
    }
  }

  /** Give the resources back. What runs in it ends: tasks with PlacementGroupRemovedError, actors with ActorDiedError. */
  async remove(): Promise<void> {
    await currentRuntime().engine.removePlacementGroup(this.id as PlacementGroupId);
  }

  /** Removes it: `await using group = await placementGroup(…)`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove();
  }
}

/** Where work of these options takes its resources from. @throws TypeError, RangeError */
export function placementOf(options: { readonly placementGroup?: PlacementGroup; readonly bundleIndex?: number }): {
  readonly placement?: WirePlacement;
} {
  const { placementGroup: group, bundleIndex } = options;
  if (group === undefined) {
    if (bundleIndex === undefined) return {};
    throw new TypeError("bundleIndex goes with a placementGroup");
  }
  if (typeof group.id !== "string" || !Array.isArray(group.bundles)) {
    throw new TypeError("placementGroup takes a group, as `await placementGroup([…])` gives it");
  }
  const named = group.name === undefined ? {} : { groupName: group.name };
  const whole: WirePlacement = { groupId: group.id as PlacementGroupId, ...named };
  if (bundleIndex === undefined) return { placement: whole };
  if (!Number.isInteger(bundleIndex) || bundleIndex < 0 || bundleIndex >= group.bundles.length) {
    throw new RangeError(
      `bundleIndex must be a whole number from 0 to ${group.bundles.length - 1}, not ${bundleIndex}`,
    );
  }
  return { placement: { ...whole, bundleIndex } };
}

function bundleOf({ cpus, gpus, memoryBytes, ...resources }: Readonly<Record<string, number>>): Bundle {
  return {
    ...(cpus === undefined ? {} : { cpus }),
    ...(gpus === undefined ? {} : { gpus }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(Object.keys(resources).length === 0 ? {} : { resources }),
  };
}

interface PlacementGroupFunction {
  /**
   * Set resources aside, all bundles at once: `const group = await placementGroup([{ cpus: 1 }, { cpus: 2, gpus: 1 }])`.
   * It may have to wait for them: `ready()`. Tasks and actors with `{ placementGroup: group, bundleIndex: 1 }` run in it.
   *
   * @throws UnschedulableError when the cluster can never have it
   */
  (bundles: readonly Bundle[], options?: PlacementGroupOptions): Promise<PlacementGroup>;
  /** The group of that name, from any process of the cluster; undefined when there is none. */
  get(name: string): Promise<PlacementGroup | undefined>;
}

const STRATEGIES: readonly PlacementStrategy[] = ["PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD"];

async function makePlacementGroup(
  bundles: readonly Bundle[],
  options: PlacementGroupOptions = {},
): Promise<PlacementGroup> {
  const { strategy = "PACK", name, lifetime } = options;
  if (!Array.isArray(bundles) || bundles.length === 0) {
    throw new TypeError("placementGroup() takes at least one bundle, such as [{ cpus: 1 }]");
  }
  if (!STRATEGIES.includes(strategy))
    throw new TypeError(`strategy is one of ${STRATEGIES.join(", ")}, not ${strategy}`);
  if (lifetime !== undefined && lifetime !== "detached") {
    throw new TypeError(`lifetime is "detached" or left out, not ${String(lifetime)}`);
  }
  const amounts = (bundles as readonly Bundle[]).map(({ resources, ...known }) => {
    checkResourceNames(resources);
    return toAmounts({ ...resources, ...known });
  });
  const empty = amounts.findIndex((bundle) => Object.keys(bundle).length === 0);
  if (empty >= 0) throw new RangeError(`Bundle ${empty} is empty: each holds some resource`);
  const runtime = currentRuntime();
  const description = await runtime.engine.createPlacementGroup({
    strategy,
    bundles: amounts,
    ...(name === undefined ? {} : { name }),
    isDetached: lifetime === "detached",
    depth: runtime.origin().depth,
  });
  return new PlacementGroup(description);
}

async function getPlacementGroup(name: string): Promise<PlacementGroup | undefined> {
  const description = await currentRuntime().engine.findPlacementGroup(name);
  return description === undefined ? undefined : new PlacementGroup(description);
}

/** Set resources aside together, in bundles; see the signatures. */
export const placementGroup: PlacementGroupFunction = Object.assign(makePlacementGroup, { get: getPlacementGroup });
