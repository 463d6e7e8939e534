import fc from "fast-check";
import { describe, it } from "vitest";
import type { ClientId, ObjectId, WorkerId } from "../../../runtime/src/protocol/ids.ts";
import type { WireEnvironment } from "../../../runtime/src/protocol/messages.ts";
import { CoreWorld } from "./core-world.ts";

/** Anything that can happen, by numbers that are read against the state of that moment. */
const happening = fc.record({
  kind: fc.constantFrom(
    "demand",
    "join",
    "die",
    "return",
    "block",
    "unblock",
    "actor",
    "ready",
    "fail",
    "kill",
    "exit",
    "watch",
    "allocate",
    "hold",
    "release",
    "publish",
    "result",
    "seek",
    "arrive",
    "leave",
    "tick",
    "report",
    "want",
    "group",
    "ungroup",
    "watch-group",
    "prepared",
    "unprepared",
    "memory",
  ),
  pick: fc.nat(30),
  other: fc.nat(30),
  amount: fc.constantFrom(0.25, 0.5, 1, 2, 3),
});

const ENVIRONMENTS: readonly (WireEnvironment | undefined)[] = [
  undefined,
  { id: "vars", envVars: { A: "1" } },
  { id: "npm", envVars: {}, npm: { specs: ["left-pad"], key: "k" } },
];

function pickOf<Item>(items: Iterable<Item>, index: number): Item | undefined {
  const list = [...items];
  return list[index % Math.max(1, list.length)];
}

/** `CoreWorld.apply` checks the invariants after every step. */
function happen(
  world: CoreWorld,
  { kind, pick, other, amount }: { kind: string; pick: number; other: number; amount: number },
): void {
  const { state } = world;
  world.nowMs += other * 20;
  const client = (pickOf(state.clients, pick) ?? "d") as ClientId;
  const worker = pickOf<WorkerId>(state.workers.keys(), pick);
  const actorId = `d.a${pick % 5}`;
  const objectId = `${client}.${other % 6}` as ObjectId;
  switch (kind) {
    case "demand":
      world.demand(client, amount, other % 5, pick % 3);
      return;
    case "join":
      for (const record of state.workers.values())
        if (record.work.state === "starting") return void world.join(record.workerId);
      return;
    case "die":
      if (worker !== undefined) world.die(worker);
      return;
    case "return": {
      const lease = pickOf(state.leases.values(), pick);
      if (lease !== undefined) world.giveBack(lease.clientId, lease.leaseId);
      return;
    }
    case "block":
    case "unblock":
      if (worker !== undefined) world.block(worker, kind === "block");
      return;
    case "actor": {
      const name = other % 3 === 0 ? { name: `n${pick % 2}` } : {};
      if (!state.actors.has(actorId as never) && !state.actorAliases.has(actorId as never)) {
        const args = { bytes: new Uint8Array(0), refs: [objectId] };
        const environment = ENVIRONMENTS[pick % ENVIRONMENTS.length];
        const kind = environment === undefined ? {} : { environment };
        const place = other % 4 === 1 ? { placement: { groupId: `d.G${pick % 3}` as never } } : {};
        const lifetime = other % 5 === 1 ? { lifetime: "detached" as const } : {};
        const more = {
          ...name,
          ...lifetime,
          ...kind,
          ...place,
          maxRestarts: (pick % 3) - 1,
          resources: { cpus: 5_000 },
          args,
        };
        world.askActor(actorId, more, pick % 2 === 0, state.clients.has("d1" as ClientId) ? "d1" : "d");
      }
      return;
    }
    case "ready":
      if (worker !== undefined)
        world.apply({ type: "actor-ready", actorId: actorId as never, workerId: worker, atMs: world.nowMs });
      return;
    case "fail":
      world.apply({
        type: "actor-failed",
        actorId: actorId as never,
        error: { name: "E", message: "m" },
        during: "constructor",
        atMs: world.nowMs,
      });
      return;
    case "kill":
      world.apply({
        type: "actor-kill-asked",
        actorId: actorId as never,
        isRestartable: other % 2 === 0,
        atMs: world.nowMs,
      });
      return;
    case "exit":
      if (worker !== undefined) {
        world.apply({ type: "actor-exited", actorId: actorId as never, workerId: worker, atMs: world.nowMs });
      }
      return;
    case "watch":
      world.watch(actorId, client);
      return;
    case "allocate":
      world.askRoom(objectId, {
        writer: client,
        holder: pickOf(state.clients, other) ?? client,
        pages: 1 + (pick % 4),
      });
      return;
    case "hold":
      world.hold(client, objectId);
      return;
    case "release":
      world.release(client, other % 4 === 0 ? actorId : objectId);
      return;
    case "publish":
      world.apply({ type: "object-published", clientId: client, objectId });
      return;
    case "result": {
      const value = { bytes: new Uint8Array(0), refs: [`${client}.${pick % 6}` as ObjectId] };
      world.apply({ type: "result-published", clientId: client, objectId, result: { ok: true, value } });
      return;
    }
    case "seek":
      world.apply({ type: "object-sought", clientId: client, objectId });
      return;
    case "arrive":
      if (!state.clients.has(`d${pick % 3}` as ClientId)) world.joinDriver(`d${pick % 3}`);
      return;
    case "leave":
      if (client !== "d") world.apply({ type: "client-left", clientId: client, atMs: world.nowMs });
      return;
    case "memory": {
      const workers = [...state.workers.keys()].map((workerId, n) => ({
        workerId,
        privateBytes: 1e8 * ((n + other) % 9),
      }));
      const memory = { what: "the machine", usedBytes: 99, totalBytes: 100, threshold: 0.95 } as const;
      world.apply({ type: "memory-short", ...memory, workers });
      return;
    }
    case "tick":
      world.apply({ type: "ticked", atMs: world.nowMs });
      return;
    case "want": {
      const place = other % 3 === 0 ? {} : { group: `d.G${pick % 3}`, ...(other % 2 === 0 ? {} : { bundleIndex: 0 }) };
      const environment = ENVIRONMENTS[other % ENVIRONMENTS.length];
      const resources = pick % 2 === 0 ? { cpus: amount } : { cpus: 0.5, gpus: amount };
      const count = other % 4;
      world.want(client, resources, { count, ...(environment === undefined ? {} : { environment }), ...place });
      return;
    }
    case "group": {
      const id = `d.G${pick % 3}`;
      const bundles = pick % 2 === 0 ? [{ cpus: 1 }, { cpus: 0.5, gpus: 0.5 }] : [{ cpus: 1, gpus: amount }];
      if (!state.placementGroups.has(id as never)) world.askGroup(id, bundles, { client, isDetached: other % 3 === 0 });
      return;
    }
    case "ungroup":
      world.removeGroup(`d.G${pick % 3}`, client);
      return;
    case "watch-group":
      world.watchGroup(`d.G${pick % 3}`, client);
      return;
    case "prepared":
      world.apply({ type: "environment-ready", environmentId: "npm", atMs: world.nowMs });
      return;
    case "unprepared":
      world.apply({
        type: "environment-failed",
        environmentId: "npm",
        error: { name: "E", message: "m" },
        atMs: world.nowMs,
      });
      return;
    case "report":
      world.apply({
        type: "work-reported",
        clientId: client,
        groups: [{ function: "f", queued: pick, running: 1, finished: 1, failed: 0, cancelled: 0, retried: 0 }],
        actors: [],
        atMs: world.nowMs,
      });
      return;
    default:
      throw new Error(`nothing is called ${kind}`);
  }
}

describe("the head's state machine", () => {
  it("keeps its invariants whatever happens", () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 120, size: "max" }), (happenings) => {
        const world = new CoreWorld({ cpus: 2, gpus: 2 });
        for (const each of happenings) happen(world, each);
      }),
      { numRuns: 400 },
    );
  });

  it("has everything free again once all processes are gone", () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 80, size: "max" }), (happenings) => {
        const world = new CoreWorld({ cpus: 2, gpus: 2 });
        for (const each of happenings) happen(world, each);
        for (const id of [...world.state.placementGroups.keys()]) world.removeGroup(id);
        world.apply({ type: "client-left", clientId: "d" as ClientId, atMs: world.nowMs });
        for (let round = 0; world.state.workers.size > 0 && round < 50; round++) {
          for (const workerId of [...world.state.workers.keys()]) world.die(workerId);
        }
        if (world.state.workers.size > 0) return; // Restarting actors start processes for ever here.
        if (world.state.free["cpus"] !== world.state.total["cpus"]) throw new Error("CPUs are lost");
        if ([...world.state.freeGpus.values()].some((free) => free !== 10_000)) throw new Error("GPUs are lost");
        if (world.state.leases.size > 0) throw new Error("leases are left");
      }),
      { numRuns: 200 },
    );
  });
});
