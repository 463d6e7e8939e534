// Tasks, actors and objects: Mobula beside Ray on the same CPUs, in turn, medians of several runs.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { VENV_PYTHON } from "../../scripts/lib/python.mjs";
import { ROOT, run, SetupError } from "../../scripts/lib/steps.mjs";
import { summarize } from "./lib/report.mjs";

export const peers = ["ray"];

const UNITS = {
  "task-sync": "1/s",
  "task-async": "1/s",
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

/** @param {{ runs: number, windowMs: number, cpus: number, log: (line: string) => void }} options */
export async function bench({ runs, windowMs, cpus, log }) {
  if (!existsSync(VENV_PYTHON))
    throw new SetupError("Ray is not installed; run `npm run bench -- core`, which sets it up.");
  const sides = {
    ours: [process.execPath, [join(ROOT, "test/bench/core/ours.mjs"), String(cpus), String(windowMs)]],
    ray: [VENV_PYTHON, [join(ROOT, "test/bench/core/ray_core.py"), String(cpus), String(windowMs)]],
  };
  const samples = Object.keys(UNITS).map((row) => ({ row, unit: UNITS[row], ours: [], peers: { ray: [] } }));
  for (let index = 0; index < runs; index++) {
    const results = {};
    for (const [side, [command, args]] of Object.entries(sides)) {
      log(`run ${index + 1} of ${runs}: ${side === "ours" ? "mobula" : side}`);
      const { output } = await run(command, args, {
        failure: `The ${side} side of the benchmark failed; its words are above.`,
      });
      results[side] = JSON.parse(output.trim().split("\n").at(-1));
    }
    for (const sample of samples) {
      const [ours, ray] = [results.ours[sample.row], results.ray[sample.row]];
      if (ours.result !== ray.result)
        throw new SetupError(
          `${sample.row}: Mobula gave ${ours.result} and Ray ${ray.result}; unequal results are not compared.`,
        );
      sample.ours.push(ours.value);
      sample.peers.ray.push(ray.value);
    }
  }
  return summarize("core", peers, samples);
}
