import { describe, expect, it } from "vitest";
import { jobOf, listJobs } from "../../../runtime/src/core/jobs.ts";
import type { ClientId } from "../../../runtime/src/protocol/ids.ts";
import { CoreWorld, driver } from "./core-world.ts";

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
