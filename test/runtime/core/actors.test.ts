import { describe, expect, it } from "vitest";
import { CoreWorld, driver, sent, started, stopped } from "./core-world.ts";

function living(world: CoreWorld, id = "d.a0", options = {}): void {
  world.askActor(id, options);
  const worker = [...world.state.workers.keys()].at(-1) as string;
  world.join(worker);
  world.apply({ type: "actor-ready", actorId: id as never, workerId: worker as never, atMs: world.nowMs });
}

describe("actors", () => {
  it("get a process of their own, and their callers its address", () => {
    const world = new CoreWorld();
    expect(started(world.askActor("d.a0"))).toEqual(["w1"]);
    world.watch("d.a0");
    expect(sent(world.join("w1"))).toMatchObject([{ type: "become-actor", to: "w1" }]);
    const messages = sent(
      world.apply({ type: "actor-ready", actorId: "d.a0" as never, workerId: "w1" as never, atMs: world.nowMs }),
    );
    expect(messages).toMatchObject([{ type: "actor-state", to: "d", state: { state: "alive", address: "/w1" } }]);
  });

  it("a caller that asks before the creation arrives is told later", () => {
    const world = new CoreWorld();
    world.apply({ type: "client-joined", clientId: "w7" as never, kind: "worker" });
    expect(world.watch("d.a0", "w7")).toEqual([]);
    living(world);
    expect(sent(world.effects).filter(({ type, to }) => type === "actor-state" && to === "w7")).toHaveLength(1);
  });

  it("restart as often as they may, then are dead", () => {
    const world = new CoreWorld();
    living(world, "d.a0", { maxRestarts: 1 });
    world.watch("d.a0");
    expect(sent(world.die("w1"))).toMatchObject([{ type: "actor-state", state: { state: "restarting" } }]);
    world.join("w2");
    world.apply({ type: "actor-ready", actorId: "d.a0" as never, workerId: "w2" as never, atMs: world.nowMs });
    expect(sent(world.die("w2"))).toMatchObject([
      { type: "actor-state", state: { state: "dead", death: { reason: "crashed" } } },
    ]);
  });

  it("a constructor that throws is not tried again", () => {
    const world = new CoreWorld();
    living(world, "d.a0", { maxRestarts: 5 });
    const error = { name: "TypeError", message: "no" };
    world.apply({ type: "actor-failed", actorId: "d.a0" as never, error, during: "constructor", atMs: 1 });
    world.die("w1");
    expect(world.state.actors.get("d.a0" as never)?.work).toMatchObject({
      state: "dead",
      death: { reason: "constructor-failed" },
    });
  });

  it("end when nobody holds a handle, unless they have a name", () => {
    const world = new CoreWorld();
    living(world);
    expect(stopped(world.release("d", "d.a0"))).toEqual(["w1"]);
    living(world, "d.a1", { name: "keeper" });
    expect(stopped(world.release("d", "d.a1"))).toEqual([]);
  });

  it("a second one of the same name is refused, or stands for the first with getIfExists", () => {
    const world = new CoreWorld();
    living(world, "d.a0", { name: "one" });
    expect(sent(world.askActor("d.a1", { name: "one" }))).toMatchObject([{ type: "actor-refused" }]);
    expect(sent(world.askActor("d.a2", { name: "one" }, true))).toMatchObject([{ type: "actor-registered" }]);
    expect(sent(world.watch("d.a2"))).toMatchObject([
      { type: "actor-state", actorId: "d.a2", state: { state: "alive" } },
    ]);
    world.apply({ type: "actor-kill-asked", actorId: "d.a2" as never, isRestartable: false, atMs: 1 });
    expect(world.state.actorNames.size).toBe(0);
  });

  it("that need more than there is are refused with what exists", () => {
    const world = new CoreWorld({ cpus: 2 });
    const [message] = sent(world.askActor("d.a0", { resources: { cpus: 30_000 } }));
    expect(message).toMatchObject({ type: "actor-refused", reason: "unschedulable", needs: { cpus: 3 } });
  });

  it("of different namespaces may have the same name, and are listed apart", () => {
    const world = new CoreWorld();
    living(world, "d.A0", { name: "one", namespace: "a" });
    expect(sent(world.askActor("d.A1", { name: "one", namespace: "b" }))).toMatchObject([{ type: "actor-registered" }]);
    const ask = (namespace: string): unknown =>
      world.apply({ type: "actor-names-asked", clientId: driver, requestId: 1, namespace });
    expect(sent(ask("a") as never)).toMatchObject([{ type: "actors-listed", names: ["one"] }]);
    expect(sent(ask("c") as never)).toMatchObject([{ names: [] }]);
    const seek = (namespace: string): unknown =>
      world.apply({ type: "actor-sought", clientId: driver, requestId: 1, name: "one", namespace });
    expect(sent(seek("b") as never)).toMatchObject([{ description: { actorId: "d.A1" } }]);
    expect(sent(seek("c") as never)[0]).not.toHaveProperty("description");
  });

  it("end with their driver, unless they are detached", () => {
    const world = new CoreWorld();
    living(world, "d.A0", { name: "mortal" });
    living(world, "d.A1", { name: "lasting", lifetime: "detached" });
    world.apply({ type: "client-left", clientId: driver, atMs: 1 });
    const states = [...world.state.actors.values()].map(({ spec, work }) => [spec.name, work.state]);
    expect(states).toEqual([
      ["mortal", "dead"],
      ["lasting", "alive"],
    ]);
    expect(world.state.actors.get("d.A0" as never)?.work).toMatchObject({ death: { reason: "job-ended" } });
  });

  it("pause before they start again when they crash again and again, not after a long life", () => {
    const world = new CoreWorld();
    living(world, "d.A0", { maxRestarts: -1 });
    const notBefore = (): unknown => world.state.actors.get("d.A0" as never)?.work;
    const crash = (): void => {
      const worker = [...world.state.workers.keys()].at(-1) as string;
      world.die(worker);
    };
    const revive = (): void => {
      world.apply({ type: "ticked", atMs: world.nowMs });
      const worker = [...world.state.workers.keys()].at(-1) as string;
      world.join(worker);
      world.apply({
        type: "actor-ready",
        actorId: "d.A0" as never,
        workerId: worker as never,
        atMs: world.nowMs,
      });
    };
    crash();
    expect(notBefore()).toEqual({ state: "restarting", notBeforeMs: 1_000 });
    revive();
    crash();
    expect(notBefore()).toEqual({ state: "restarting", notBeforeMs: 1_100 });
    world.apply({ type: "ticked", atMs: 1_050 });
    expect(world.state.workers.size).toBe(0);
    world.nowMs = 1_100;
    revive();
    world.nowMs = 20_000;
    crash();
    expect(notBefore()).toEqual({ state: "restarting", notBeforeMs: 20_000 });
    expect(world.state.actors.get("d.A0" as never)?.restarts).toBe(3);
  });

  it("tell a new process how often they were restarted", () => {
    const world = new CoreWorld();
    living(world, "d.A0", { maxRestarts: 1 });
    world.die("w1");
    const told = sent(world.join("w2"));
    expect(told).toMatchObject([{ type: "become-actor", restarts: 1 }]);
  });

  it("that exit are not started again", () => {
    const world = new CoreWorld();
    living(world, "d.A0", { maxRestarts: 5, name: "leaver" });
    const effects = world.apply({ type: "actor-exited", actorId: "d.A0" as never, workerId: "w1" as never, atMs: 1 });
    expect(stopped(effects)).toEqual(["w1"]);
    expect(world.state.actorNames.size).toBe(0);
    world.die("w1");
    expect(world.state.actors.get("d.A0" as never)?.work).toMatchObject({ state: "dead", death: { reason: "exited" } });
  });
});
