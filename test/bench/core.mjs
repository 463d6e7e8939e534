// Tasks, actors and objects: Mobula beside Ray and pools of threads on the same CPUs, in turn, medians of several runs; then
// what must not grow, on its own.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { VENV_PYTHON } from "../../scripts/lib/python.mjs";
import { ROOT, SetupError } from "../../scripts/lib/steps.mjs";
import { summarize } from "./lib/report.mjs";
import { addSamples, emptySamples, measured } from "./lib/samples.mjs";

export const peers = ["ray", "piscina", "worker-threads"];

const UNITS = {
  "task-sync": "1/s",
  "task-async": "1/s",
  "task-1MB-sync": "1/s",
  "task-1MB-async": "1/s",
  "actor-sync": "1/s",
  "actor-async": "1/s",
  "actor-nn": "1/s",
  "put-small": "1/s",
  "get-small": "1/s",
  "put-100MB": "GB/s",
  "wait-1k": "1/s",
  "cold-start": "ms",
  "idle-memory": "MB",
};
/** Rows of growth.mjs, each in a process of its own. */
const GROWTH = ["queued", "calls", "refs", "churn", "churn-collected"];
const HERE = join(ROOT, "test/bench/core");

/** What the figures of a run hold for. */
export function versions() {
  return `Node ${process.versions.node}, Ray ${versionOfRay()}, piscina ${versionOfPiscina()}`;
}

/** @param {{ runs: number, windowMs: number, cpus: number, log: (line: string) => void }} options */
export async function bench({ runs, windowMs, cpus, log }) {
  const sides = sidesFor([String(cpus), String(windowMs)]);
  const samples = emptySamples(UNITS, peers);
  for (let index = 0; index < runs; index++) {
    const results = {};
    for (const [side, [command, args]] of Object.entries(sides)) {
      log(`run ${index + 1} of ${runs}: ${side}`);
      results[side] = await measured(command, args, side);
    }
    addSamples(samples, peers, results);
  }
  const rows = summarize("core", peers, samples);
  for (const [index, measurement] of GROWTH.entries()) {
    log(`growth ${index + 1} of ${GROWTH.length}: ${measurement}`);
    const args = ["--expose-gc", join(HERE, "growth.mjs"), measurement, String(cpus)];
    const grown = await measured(process.execPath, args, "mobula");
    rows.push(
      ...summarize(
        "core",
        peers,
        grown.map(({ row, unit, value }) => ({ row, unit, ours: [value], peers: {} })),
      ),
    );
  }
  return rows;
}

/** Command and arguments of each side. @throws SetupError when a peer is missing */
function sidesFor(args) {
  versions();
  const script = (name) => [process.execPath, [join(HERE, `${name}.mjs`), ...args]];
  return {
    mobula: script("ours"),
    ray: [VENV_PYTHON, [join(HERE, "ray_core.py"), ...args]],
    piscina: script("piscina"),
    "worker-threads": script("worker-threads"),
  };
}

function versionOfRay() {
  const { stdout } = existsSync(VENV_PYTHON)
    ? spawnSync(VENV_PYTHON, ["-c", "import importlib.metadata as m; print(m.version('ray'))"], { encoding: "utf8" })
    : { stdout: "" };
  if (stdout.trim() === "") {
    throw new SetupError("Ray is not installed; run `npm run bench -- core`, which sets it up.");
  }
  return stdout.trim();
}

function versionOfPiscina() {
  const file = join(ROOT, "node_modules/piscina/package.json");
  if (!existsSync(file)) throw new SetupError("piscina is not installed; run `npm install`.");
  return JSON.parse(readFileSync(file, "utf8")).version;
}
