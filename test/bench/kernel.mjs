// Jupyter kernels: Mobula beside tslab, Deno and ipykernel, each through the same client, in turn, medians of several runs.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { VENV_PYTHON } from "../../scripts/lib/python.mjs";
import { PEERS, ROOT, SetupError } from "../../scripts/lib/steps.mjs";
import { summarize } from "./lib/report.mjs";
import { addSamples, emptySamples, measured } from "./lib/samples.mjs";

export const peers = ["tslab", "deno", "ipykernel"];
const ROWS = {
  ready: "ms",
  "first-cell": "ms",
  "typed-cell": "ms",
  "typed-cell-300": "ms",
  "unchecked-cell": "ms",
  completion: "ms",
  hover: "ms",
  "completion-busy": "ms",
  interrupt: "ms",
  memory: "MB",
  "stdout-10MB": "ms",
};

export function versions() {
  const python = spawnSync(VENV_PYTHON, ["-c", "import importlib.metadata as m; print(m.version('ipykernel'))"]);
  const ipykernel = String(python.stdout).trim();
  if (ipykernel === "") throw new SetupError("ipykernel is not installed; run `npm run setup`.");
  return `Node ${process.versions.node}, tslab ${versionOf("tslab")}, Deno ${versionOf("deno")}, ipykernel ${ipykernel}`;
}

function versionOf(name) {
  const file = join(PEERS, name, "node_modules", name, "package.json");
  if (!existsSync(file))
    throw new SetupError(`${name} is not installed; run \`npm run bench -- kernel\`, which sets it up.`);
  return JSON.parse(readFileSync(file, "utf8")).version;
}

/** @param {{ runs: number, windowMs: number, log: (line: string) => void }} options `windowMs` is not used: cells are counted */
export async function bench({ runs, log }) {
  const samples = emptySamples(ROWS, peers);
  for (let index = 0; index < runs; index++) {
    const results = {};
    for (const side of ["mobula", ...peers]) {
      log(`run ${index + 1} of ${runs}: ${side}`);
      results[side] = await measured(process.execPath, [join(ROOT, "test/bench/kernel/measure.mjs"), side], side);
    }
    addSamples(samples, peers, results);
  }
  return summarize("kernel", peers, samples);
}
