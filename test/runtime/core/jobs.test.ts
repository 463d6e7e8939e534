import { describe, expect, it } from "vitest";
import { jobOf, lastJobOf, listJobs } from "../../../runtime/src/core/jobs.ts";
import type { ClientId } from "../../../runtime/src/protocol/ids.ts";
import { CoreWorld, driver, granted, sent, stopped } from "./core-world.ts";

const id = (text: string): ClientId => text as ClientId;

/** Two drivers and workers w1 to w3, all idle. */
function twoDrivers(): CoreWorld {
  const world = new CoreWorld({ cpus: 3 });
  world.joinDriver("d2", "training");
  world.apply({ type: "workers-wanted", count: 3 });
  for (const worker of ["w1", "w2", "w3"]) world.join(worker);
  return world;
}

describe("jobs", () => {
  it("a driver is a job from its arrival on, and workers are none", () => {
    const world = twoDrivers();
    expect(listJobs(world.state)).toEqual([
      { jobId: "d", pid: 1, host: "here", startedAtMs: 1_000, state: "running" },
      { jobId: "d2", name: "training", pid: 1, host: "here", startedAtMs: 1_000, state: "running" },
    ]);
  });

  it("a driver that leaves is listed with its end", () => {
    const world = twoDrivers();
    world.nowMs = 5_000;
    world.leave("d2");
    expect(listJobs(world.state)[1]).toMatchObject({ jobId: "d2", state: "ended", endedAtMs: 5_000 });
  });

  it("keeps the last hundred that ended, and all that run", () => {
    const world = new CoreWorld();
    for (let number = 0; number < 150; number++) {
      world.nowMs++;
      world.joinDriver(`d${number}`);
      if (number > 0) world.leave(`d${number}`);
    }
    const jobs = listJobs(world.state);
    expect(jobs.filter(({ state }) => state === "running").map(({ jobId }) => jobId)).toEqual(["d", "d0"]);
    expect(jobs.filter(({ state }) => state === "ended").map(({ jobId }) => jobId)).toEqual(
      Array.from({ length: 100 }, (_, index) => `d${index + 50}`),
    );
  });

  it("a worker works for the job that leases it, also through workers that lease workers", () => {
    const world = twoDrivers();
    world.demand("d2", 1, 1);
    const outer = [...world.state.leases.values()][0]?.workerId ?? "";
    world.demand(outer, 1, 1, 1);
    const inner = [...world.state.leases.values()][1]?.workerId ?? "";
    expect(jobOf(world.state, id(outer))).toBe("d2");
    expect(jobOf(world.state, id(inner))).toBe("d2");
    expect(jobOf(world.state, driver)).toBe("d");
  });

  it("an idle worker, or a stranger, works for no job", () => {
    const world = twoDrivers();
    expect(jobOf(world.state, id("w1"))).toBeUndefined();
    expect(jobOf(world.state, id("x"))).toBeUndefined();
  });

  it("an actor stays with the job that made it, whatever its maker does afterwards", () => {
    const world = twoDrivers();
    world.askActor("d.a1", { resources: { cpus: 10_000 } });
    const host = [...world.state.workers.values()].find(({ work }) => work.state === "actor");
    expect(jobOf(world.state, id(host?.workerId ?? ""))).toBe("d");
    expect([...world.state.actors.values()][0]?.jobId).toBe("d");
  });

  it("workers that lease each other hold nobody up", () => {
    const world = twoDrivers();
    for (const worker of ["w1", "w2", "w3"]) world.demand(worker, 1, 1);
    expect([...world.state.leases.values()]).toHaveLength(3);
    expect(jobOf(world.state, id("w1"))).toBeUndefined();
  });
});

describe("the end of a driver", () => {
  it("ends the workers and actors of its job, and no others", () => {
    const world = twoDrivers();
    world.demand("d", 1, 1);
    world.demand("d2", 1, 1);
    const [mine, theirs] = [...world.state.leases.values()].map(({ workerId }) => workerId as string);
    const effects = world.leave("d2");
    expect(stopped(effects)).toEqual([theirs]);
    world.die(theirs ?? "");
    expect([...world.state.leases.values()].map(({ workerId }) => workerId)).toEqual([mine]);
  });

  it("ends its actors, also those with a name and those that others hold, and tells who watches", () => {
    const world = twoDrivers();
    world.askActor("d2.a1", { name: "shared" }, false, "d2");
    world.askActor("d.a1", { name: "mine" });
    world.hold("d", "d2.a1");
    world.watch("d2.a1", "d");
    const messages = sent(world.leave("d2"));
    expect(messages).toContainEqual(
      expect.objectContaining({ to: "d", state: expect.objectContaining({ state: "dead" }) as unknown }),
    );
    const states = [...world.state.actors.values()].map(({ spec, work }) => [spec.name, work.state]);
    expect(states).toEqual([
      ["shared", "dead"],
      ["mine", "starting"],
    ]);
  });

  it("leaves detached actors alone", () => {
    const world = twoDrivers();
    world.askActor("d2.a1", { name: "lasting", lifetime: "detached" }, false, "d2");
    expect(stopped(world.leave("d2"))).toEqual([]);
    expect([...world.state.actors.values()][0]?.work.state).toBe("starting");
  });
});

describe("several jobs", () => {
  it("share the CPUs: one that comes later gets a worker when the first gives one back", () => {
    const world = twoDrivers();
    world.demand("d", 1, 100);
    expect(granted(world.effects)).toEqual(["d:w3", "d:w2", "d:w1"]);
    world.demand("d2", 1, 100);
    world.nowMs += 200;
    const asked = sent(world.apply({ type: "ticked", atMs: world.nowMs }));
    expect(asked).toEqual([{ type: "reclaim", count: 1, to: "d" }]);
    const lease = [...world.state.leases.keys()][0] ?? "";
    expect(granted(world.giveBack("d", lease))).toEqual(["d2:w3"]);
  });

  it("count their tasks apart, also those that a worker reports after its lease has ended", () => {
    const world = twoDrivers();
    world.demand("d2", 1, 1);
    const [lease] = [...world.state.leases.values()];
    const { workerId = "", leaseId = "" } = lease ?? {};
    const report = { function: "f", queued: 0, running: 0, finished: 1, failed: 0, cancelled: 0, retried: 0 };
    const reported = (client: string): void =>
      void world.apply({ type: "work-reported", clientId: id(client), groups: [report], actors: [], atMs: 1 });
    for (const client of ["d", "d2", workerId]) reported(client);
    world.demand("d2", 1, 0);
    world.giveBack("d2", leaseId);
    reported(workerId);
    expect(jobOf(world.state, id(workerId))).toBeUndefined();
    expect(lastJobOf(world.state, id(workerId))).toBe("d2");
    const counts = [...world.state.groups.values()].map(({ jobId, finished }) => [jobId, finished]);
    expect(counts).toEqual([
      ["d", 1],
      ["d2", 3],
    ]);
  });

  it("a group is cancelled in one job, or in all", () => {
    const world = twoDrivers();
    world.demand("d2", 1, 1);
    const [lease] = [...world.state.leases.values()];
    const told = (jobId?: string): string[] => {
      const job = jobId === undefined ? {} : { jobId: id(jobId) };
      return sent(world.apply({ type: "group-cancel-asked", function: "f", ...job })).map(({ to }) => to);
    };
    expect(told("d2")).toEqual(["d2", lease?.workerId]);
    expect(told("d")).toEqual(["d"]);
    expect(told()).toHaveLength(5);
  });
});
