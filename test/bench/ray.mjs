// A Ray cluster as its drivers see it: Mobula beside a driver in Python on the head's own machine (`ray`), and beside Ray
// Client, the way in from elsewhere that Ray has itself (`ray-client`). One cluster, the sides in turn, medians of several runs.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { VENV_PYTHON } from "../../scripts/lib/python.mjs";
import { ROOT, SetupError } from "../../scripts/lib/steps.mjs";
import { summarize } from "./lib/report.mjs";
import { addSamples, emptySamples, measured } from "./lib/samples.mjs";
import { startCluster } from "./ray/cluster.mjs";

export const peers = ["ray", "ray-client"];

const UNITS = {
  "task-sync": "1/s",
  "task-async": "1/s",
  "actor-sync": "1/s",
  "actor-async": "1/s",
  "put-small": "1/s",
  "get-small": "1/s",
  "put-100MB": "GB/s",
  "stream-items": "1/s",
};
/** Ray starts more processes for a job that has much to do, seconds of a processor each: they are there before anything is timed. */
const SETTLE_MS = 6_000;
const HERE = join(ROOT, "test/bench/ray");

/** What the figures of a run hold for. */
export function versions() {
  const { stdout } = spawnSync(VENV_PYTHON, ["-c", "import grpc, ray; print(ray.__version__)"], { encoding: "utf8" });
  if (!stdout?.trim())
    throw new SetupError("Ray with its client is not installed; run `npm run bench -- ray`, which sets it up.");
  return `Node ${process.versions.node}, Ray ${stdout.trim()}`;
}

/** @param {{ runs: number, windowMs: number, cpus: number, log: (line: string) => void }} options */
export async function bench({ runs, windowMs, cpus, log }) {
  versions();
  const times = [windowMs, SETTLE_MS].map(String);
  const python = (side) => [VENV_PYTHON, [join(HERE, "ray_driver.py"), side, ...times]];
  const sides = {
    mobula: [process.execPath, [join(HERE, "ours.mjs"), ...times]],
    ray: python("driver"),
    "ray-client": python("client"),
  };
  const samples = emptySamples(UNITS, peers);
  log("starting a Ray cluster");
  const cluster = await startCluster({ cpus });
  try {
    for (let index = 0; index < runs; index++) {
      const results = {};
      for (const [side, [command, args]] of Object.entries(sides)) {
        log(`run ${index + 1} of ${runs}: ${side}`);
        results[side] = await measured(command, args, side, { env: cluster.env });
      }
      addSamples(samples, peers, results);
    }
  } finally {
    await cluster.stop();
  }
  return summarize("ray", peers, samples);
}
