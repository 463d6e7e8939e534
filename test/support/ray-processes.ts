/** The processes that a Ray cluster has because of drivers of ours, as the machine sees them. */
import { readFileSync } from "node:fs";
import type { RayCluster } from "./ray-cluster.ts";

export interface OurProcess {
  readonly pid: number;
  readonly kind: "hub" | "session" | "node" | "shim";
}

const PROGRAMS = {
  hub: /^\S*python -m mobula_ray\.hub /,
  session: / mobula_ray\.session /,
  node: /ray-worker\/main\.js/,
};

/** Also the Ray workers with a Node process beside them; Ray titles those as it likes. */
export function ourProcesses(ray: RayCluster): OurProcess[] {
  const running = ray.processes();
  const own = (Object.keys(PROGRAMS) as (keyof typeof PROGRAMS)[]).flatMap((kind) =>
    running.flatMap(({ pid, command }) => (PROGRAMS[kind].test(command) ? [{ pid, kind }] : [])),
  );
  const parents = new Set(own.flatMap(({ pid, kind }) => (kind === "node" ? parentOf(pid) : [])));
  const shims = running.filter(({ pid, command }) => parents.has(pid) && command.startsWith("ray::"));
  return [...own, ...shims.map(({ pid }) => ({ pid, kind: "shim" as const }))];
}

/** None when the process has ended. */
function parentOf(pid: number): number[] {
  try {
    // The name, in parentheses, may hold anything.
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1").replace(/^.*\)/s, "").trim().split(" ");
    return [Number(fields[1])];
  } catch {
    return [];
  }
}
