import { describe, expect, it } from "vitest";
import { waitingFor } from "../../../runtime/src/core/environments.ts";
import type { CoreEffect } from "../../../runtime/src/core/state.ts";
import type { WireEnvironment } from "../../../runtime/src/protocol/messages.ts";
import { CoreWorld, granted, sent, started, stopped } from "./core-world.ts";

const VARS: WireEnvironment = { id: "vars", envVars: { A: "1" } };
const NPM: WireEnvironment = { id: "npm", envVars: {}, npm: { specs: ["left-pad"], key: "k" } };
const ERROR = { name: "RuntimeEnvError", code: "RUNTIME_ENV_SETUP", message: "no such package" };

const prepared = (effects: readonly CoreEffect[]): string[] =>
  effects.flatMap((effect) => (effect.type === "prepare-environment" ? [effect.environment.id] : []));

describe("environments", () => {
  it("get processes of their own, and never work of others", () => {
    const world = new CoreWorld({ cpus: 2 });
    world.apply({ type: "workers-wanted", count: 1 });
    world.join("w1");
    const effects = world.want("d", { cpus: 1 }, { environment: VARS });
    expect(effects).toEqual([{ type: "start-worker", workerId: "w2", environment: VARS }]);
    expect(granted(world.join("w2"))).toEqual(["d:w2"]);
    world.want("d", { cpus: 1 }, { environment: VARS, count: 0 });
    world.giveBack("d", "l1");
    expect(granted(world.demand("d", 1, 2))).toEqual(["d:w1"]);
    expect(granted(world.want("d", { cpus: 1 }, { environment: VARS }))).toEqual(["d:w2"]);
  });

  it("are prepared once before their first process starts", () => {
    const world = new CoreWorld({ cpus: 2 });
    expect(prepared(world.want("d", { cpus: 1 }, { environment: NPM }))).toEqual(["npm"]);
    expect(prepared(world.want("d", { cpus: 0.5 }, { environment: NPM }))).toEqual([]);
    expect(world.state.workers.size).toBe(0);
    const ready = { type: "environment-ready", environmentId: "npm", atMs: world.nowMs } as const;
    expect(started(world.apply(ready))).toHaveLength(2);
  });

  it("do not hold up others while they are prepared", () => {
    const world = new CoreWorld({ cpus: 1 });
    world.want("d", { cpus: 1 }, { environment: NPM });
    world.nowMs += 10_000;
    expect(started(world.demand("d", 1, 1))).toEqual(["w1"]);
  });

  it("that cannot be prepared fail all who wait, and are tried again at the next wish", () => {
    const world = new CoreWorld({ cpus: 2 });
    world.want("d", { cpus: 1 }, { environment: NPM });
    world.askActor("d.A0", { environment: NPM });
    world.watch("d.A0");
    expect(waitingFor(world.state, "npm").map(({ clientId }) => clientId)).toEqual(["d", "d"]);
    const failed = { type: "environment-failed", environmentId: "npm", error: ERROR, atMs: world.nowMs } as const;
    expect(sent(world.apply(failed))).toMatchObject([
      { type: "environment-failed", to: "d", environmentId: "npm", error: ERROR },
      { type: "actor-state", state: { death: { reason: "environment-failed", error: ERROR } } },
    ]);
    expect(prepared(world.want("d", { cpus: 1 }, { environment: NPM }))).toEqual(["npm"]);
  });

  it("fail when their processes keep dying at their start; others go on", () => {
    const world = new CoreWorld({ cpus: 1 });
    world.want("d", { cpus: 1 }, { environment: VARS });
    world.die("w1");
    world.die("w2");
    const messages = sent(world.die("w3")).filter(({ type }) => type === "environment-failed");
    expect(messages).toMatchObject([{ to: "d", error: { code: "RUNTIME_ENV_SETUP" } }]);
    world.demand("d", 1, 1);
    expect(granted(world.join("w4"))).toEqual(["d:w4"]);
  });

  it("keep their idle processes for a while only, unlike the default one", () => {
    const world = new CoreWorld({ cpus: 2 });
    world.apply({ type: "workers-wanted", count: 2 });
    world.join("w1");
    world.join("w2");
    world.want("d", { cpus: 1 }, { environment: VARS });
    world.join("w3");
    world.want("d", { cpus: 1 }, { environment: VARS, count: 0 });
    world.giveBack("d", "l1");
    world.nowMs += 10_000;
    expect(stopped(world.tick())).toEqual(["w3"]);
    world.die("w3");
    world.tick();
    expect(world.state.environments.size).toBe(0);
  });

  it("end idle processes of other environments when they need the room", () => {
    const world = new CoreWorld({ cpus: 1 });
    const names = ["a", "b", "c"];
    for (const [index, id] of names.entries()) {
      const environment = { id, envVars: { A: id } };
      const effects = world.want("d", { cpus: 1 }, { environment });
      expect(stopped(effects)).toEqual(index === 0 ? [] : [`w${index}`]);
      if (index > 0) world.die(`w${index}`);
      world.join(`w${index + 1}`);
      world.want("d", { cpus: 1 }, { environment, count: 0 });
      world.giveBack("d", `l${index + 1}`);
    }
  });

  it("are prepared again for an actor that restarts after all else of them has gone", () => {
    const world = new CoreWorld({ cpus: 1 });
    world.askActor("d.A0", { environment: NPM, maxRestarts: 1 });
    const ready = { type: "environment-ready", environmentId: "npm", atMs: world.nowMs } as const;
    world.apply(ready);
    world.join("w1");
    world.want("d", { cpus: 1 }, { environment: NPM });
    for (const id of ["w2", "w3", "w4"]) world.die(id);
    expect(world.state.environments.has("npm")).toBe(false);
    expect(prepared(world.die("w1"))).toEqual(["npm"]);
    expect(started(world.apply(ready))).toHaveLength(1);
  });
});

describe("processes", () => {
  it("are no more than may be; idle ones make room, and who waits is told once", () => {
    const world = new CoreWorld({ cpus: 1 }, { maxWorkers: 2 });
    for (const id of ["d.A0", "d.A1", "d.A2"]) world.askActor(id);
    world.join("w1");
    world.join("w2");
    expect(world.state.workers.size).toBe(2);
    const told = sent(world.effects).filter(({ type }) => type === "output");
    expect(told).toMatchObject([{ to: "d", output: { stream: "stderr" } }]);
    const kill = { type: "actor-kill-asked", actorId: "d.A0" as never, isRestartable: false, atMs: 0 } as const;
    world.apply(kill);
    expect(started(world.die("w1"))).toEqual(["w3"]);
  });
});
