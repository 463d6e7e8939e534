/**
 * The Ray cluster that the files of one run share: the first that needs it starts it, and it ends with the run; see
 * ray-at-the-end.ts.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { inject } from "vitest";
import { noteIn } from "./ray-at-the-end.ts";
import { launchRay, type RayCluster, type RayPlace, rayAt } from "./ray-cluster.ts";

const QUIET_WITHIN_MS = 30_000;
/** What drivers have in a cluster; the hub stays for the next one. */
const OF_DRIVERS = /mobula_ray\.session|ray-worker\/main/;

/** Its `stop` waits until no driver has anything there any more. */
export async function sharedRay(): Promise<RayCluster> {
  const note = noteIn(inject("rayFolder"));
  const place = existsSync(note) ? (JSON.parse(readFileSync(note, "utf8")) as RayPlace) : await launchRay();
  writeFileSync(note, JSON.stringify(place));
  const cluster = rayAt(place);
  const stop = async (): Promise<void> => {
    const deadline = Date.now() + QUIET_WITHIN_MS;
    while (cluster.processes().some(({ command }) => OF_DRIVERS.test(command))) {
      if (Date.now() > deadline) throw new Error("drivers of this file still have processes in the cluster");
      await sleep(50);
    }
  };
  return { ...cluster, stop };
}
