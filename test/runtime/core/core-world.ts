/** A head's state machine and the world around it, in memory: effects are carried out at once and recorded. */
import { brokenInvariants } from "../../../runtime/src/core/invariants.ts";
import { shapeOf, toAmounts } from "../../../runtime/src/core/resources.ts";
import {
  type CoreEffect,
  type CoreEvent,
  type CoreState,
  createState,
  type StateOptions,
} from "../../../runtime/src/core/state.ts";
import { step } from "../../../runtime/src/core/step.ts";
import type { ActorId, ClientId, ObjectId, PlacementGroupId, WorkerId } from "../../../runtime/src/protocol/ids.ts";
import type {
  ActorDescription,
  ActorSpec,
  FromHead,
  PlacementStrategy,
  WireEnvironment,
  WireScheduling,
} from "../../../runtime/src/protocol/messages.ts";

export const driver = "d" as ClientId;

export class CoreWorld {
  readonly state: CoreState;
  readonly effects: CoreEffect[] = [];
  nowMs = 1_000;

  constructor(total: Record<string, number> = { cpus: 2 }, options: StateOptions = {}) {
    this.state = createState(toAmounts(total), options);
    this.joinDriver(driver);
  }

  apply(event: CoreEvent): CoreEffect[] {
    const effects = step(this.state, event);
    this.effects.push(...effects);
    const broken = brokenInvariants(this.state);
    if (broken.length > 0) throw new Error(`after ${JSON.stringify(event)}: ${broken.join("; ")}`);
    return effects;
  }

  joinDriver(id: string, name?: string): CoreEffect[] {
    const facts = { pid: 1, host: "here", ...(name === undefined ? {} : { name }), atMs: this.nowMs };
    return this.apply({ type: "client-joined", clientId: id as ClientId, kind: "driver", ...facts });
  }

  leave(id: string): CoreEffect[] {
    return this.apply({ type: "client-left", clientId: id as ClientId, atMs: this.nowMs });
  }

  /** A process that was asked for is up. */
  join(workerId: string): CoreEffect[] {
    this.apply({ type: "client-joined", clientId: workerId as ClientId, kind: "worker" });
    return this.apply({
      type: "worker-joined",
      workerId: workerId as WorkerId,
      pid: 1,
      address: `/${workerId}`,
      atMs: this.nowMs,
    });
  }

  die(workerId: string): CoreEffect[] {
    const end = { pid: 1, exitCode: null, signal: "SIGKILL", stderrTail: "" };
    return this.apply({ type: "worker-died", workerId: workerId as WorkerId, end, atMs: this.nowMs });
  }

  demand(client: string, cpus: number, count: number, depth = 0): CoreEffect[] {
    const resources = toAmounts({ cpus });
    const clientId = client as ClientId;
    return this.apply({
      type: "demand-changed",
      clientId,
      shape: `cpus=${cpus}`,
      resources,
      count,
      depth,
      atMs: this.nowMs,
    });
  }

  /** A wish for leases of more than CPUs, in an environment or a placement group. */
  want(client: string, resources: Record<string, number>, more: WantOptions = {}): CoreEffect[] {
    const { count = 1, depth = 0, environment, group, bundleIndex, scheduling } = more;
    const amounts = toAmounts(resources);
    const index = bundleIndex === undefined ? {} : { bundleIndex };
    const placement = group === undefined ? {} : { placement: { groupId: group as PlacementGroupId, ...index } };
    return this.apply({
      type: "demand-changed",
      clientId: client as ClientId,
      shape: `${shapeOf(amounts)};${environment?.id ?? ""};${group ?? ""}#${bundleIndex ?? ""}`,
      resources: amounts,
      count,
      depth,
      ...(environment === undefined ? {} : { environment }),
      ...placement,
      ...(scheduling === undefined ? {} : { scheduling }),
      atMs: this.nowMs,
    });
  }

  askGroup(id: string, bundles: readonly Record<string, number>[], options: AskGroupOptions = {}): CoreEffect[] {
    const { client = driver, strategy = "PACK", name, isDetached = false } = options;
    return this.apply({
      type: "group-asked",
      clientId: client as ClientId,
      requestId: 1,
      description: {
        groupId: id as PlacementGroupId,
        strategy,
        bundles: bundles.map((bundle) => toAmounts(bundle)),
        ...(name === undefined ? {} : { name }),
      },
      isDetached,
      depth: 0,
      atMs: this.nowMs,
    });
  }

  removeGroup(id: string, client: string = driver): CoreEffect[] {
    const groupId = id as PlacementGroupId;
    const asked = { clientId: client as ClientId, requestId: 2, groupId, atMs: this.nowMs };
    return this.apply({ type: "group-remove-asked", ...asked });
  }

  watchGroup(id: string, client: string = driver): CoreEffect[] {
    return this.apply({
      type: "group-watched",
      clientId: client as ClientId,
      groupId: id as PlacementGroupId,
    });
  }

  tick(): CoreEffect[] {
    return this.apply({ type: "ticked", atMs: this.nowMs });
  }

  giveBack(client: string, leaseId: string): CoreEffect[] {
    const leaseIds = [leaseId] as unknown as Extract<CoreEvent, { type: "leases-returned" }>["leaseIds"];
    return this.apply({ type: "leases-returned", clientId: client as ClientId, leaseIds, atMs: this.nowMs });
  }

  block(workerId: string, isBlocked = true): CoreEffect[] {
    const type = isBlocked ? "worker-blocked" : "worker-unblocked";
    return this.apply({ type, workerId: workerId as WorkerId, atMs: this.nowMs });
  }

  askActor(id: string, options: Partial<ActorSpec> = {}, isGetIfExists = false, owner: string = driver): CoreEffect[] {
    const actorId = id as ActorId;
    const value = { bytes: new Uint8Array(0) };
    const spec: ActorSpec = {
      actorId,
      className: "Counter",
      code: { codeId: "c", value },
      args: value,
      resources: {},
      job: { jobId: driver, namespace: "default" },
      maxConcurrency: 1,
      maxRestarts: 0,
      depth: 0,
      ...options,
    };
    const description: ActorDescription = {
      actorId,
      className: "Counter",
      maxTaskRetries: 0,
      methods: [],
      streamMethods: [],
    };
    return this.apply({
      type: "actor-asked",
      clientId: owner as ClientId,
      requestId: 1,
      spec,
      description,
      isGetIfExists,
      atMs: this.nowMs,
    });
  }

  watch(id: string, client: string = driver): CoreEffect[] {
    return this.apply({ type: "actor-watched", clientId: client as ClientId, actorId: id as ActorId });
  }

  askRoom(
    id: string,
    { writer = "d", holder = writer, pages = 1 }: { writer?: string; holder?: string; pages?: number } = {},
  ): CoreEffect[] {
    return this.apply({
      type: "room-asked",
      requestId: 1,
      objectId: id as ObjectId,
      lengths: [pages * 4096],
      writer: writer as ClientId,
      holder: holder as ClientId,
      isMountFull: false,
      atMs: this.nowMs,
    });
  }

  /** Ask for room, get it, and write there. */
  store(id: string, options: { writer?: string; holder?: string; pages?: number } = {}): void {
    for (const effect of this.askRoom(id, options)) {
      if (effect.type !== "open-region") continue;
      this.apply({ type: "region-sealed", objectId: id as ObjectId, slot: effect.region.slot });
    }
  }

  hold(client: string, id: string): CoreEffect[] {
    return this.apply({ type: "objects-held", clientId: client as ClientId, objectIds: [id as ObjectId] });
  }

  release(client: string, id: string, count = 1): CoreEffect[] {
    const objectIds = [id as ObjectId];
    return this.apply({
      type: "objects-released",
      clientId: client as ClientId,
      objectIds,
      counts: [count],
      atMs: this.nowMs,
    });
  }
}

export interface WantOptions {
  readonly count?: number;
  readonly depth?: number;
  readonly environment?: WireEnvironment;
  readonly group?: string;
  readonly bundleIndex?: number;
  readonly scheduling?: WireScheduling;
}

export interface AskGroupOptions {
  readonly client?: string;
  readonly strategy?: PlacementStrategy;
  readonly name?: string;
  readonly isDetached?: boolean;
}

/** Messages among the effects, with who gets them. */
export function sent(effects: readonly CoreEffect[]): (FromHead & { to: string })[] {
  return effects.flatMap((effect) => (effect.type === "send" ? [{ ...effect.message, to: effect.to }] : []));
}

export function started(effects: readonly CoreEffect[]): string[] {
  return effects.flatMap((effect) => (effect.type === "start-worker" ? [effect.workerId as string] : []));
}

export function stopped(effects: readonly CoreEffect[]): string[] {
  return effects.flatMap((effect) => (effect.type === "stop-worker" ? [effect.workerId as string] : []));
}

/** `client:worker` of each lease granted. */
export function granted(effects: readonly CoreEffect[]): string[] {
  return sent(effects).flatMap((message) =>
    message.type === "lease-granted" ? [`${message.to}:${message.grant.workerId}`] : [],
  );
}
