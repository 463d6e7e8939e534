// `npm run bench -- SUITE [--json] [--runs N] [--window-ms N] [--cpus N]`: our figures beside the peers' of the same run.
import { existsSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { printJson, printTable } from "../test/bench/lib/report.mjs";
import { ROOT, runScript, SetupError } from "./lib/steps.mjs";
import { setUp } from "./setup.mjs";

const SUITES = ["core", "kernel", "ray"];

await runScript(async () => {
  const { values, positionals } = readArguments();
  const [suite] = positionals;
  if (values.help || !suite) {
    console.log(
      `npm run bench -- SUITE [--json] [--runs 3] [--window-ms 1500] [--cpus N]\n\nSuites: ${SUITES.join(", ")}`,
    );
    return values.help ? 0 : 2;
  }
  if (!SUITES.includes(suite) || !existsSync(join(ROOT, "test/bench", `${suite}.mjs`))) {
    throw new SetupError(`There is no suite '${suite}'; suites: ${SUITES.join(", ")}.`);
  }
  const say = console.log;
  if (values.json) console.log = console.error; // standard output carries rows only
  await setUp({ bench: suite });
  const { bench, peers, versions } = await import(`../test/bench/${suite}.mjs`);
  const today = new Date().toISOString().slice(0, 10);
  console.log(`${suite}, ${today}: ${versions()}; ${values.cpus} of ${availableParallelism()} CPUs (${cpuModel()})`);
  const rows = await bench({
    runs: positive("runs", values.runs),
    windowMs: positive("window-ms", values["window-ms"]),
    cpus: positive("cpus", values.cpus),
    log: (line) => console.error(`  ${line}`),
  });
  console.log = say;
  if (values.json) printJson(rows);
  else printTable(rows, peers);
});

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        help: { type: "boolean" },
        json: { type: "boolean" },
        runs: { type: "string", default: "3" },
        "window-ms": { type: "string", default: "1500" },
        cpus: { type: "string", default: String(availableParallelism()) },
      },
    });
  } catch (error) {
    throw new SetupError(error.message);
  }
}

function cpuModel() {
  return cpus()[0]?.model.trim() ?? process.arch;
}

function positive(name, text) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new SetupError(`--${name} takes a whole number from 1, not '${text}'.`);
  return value;
}
