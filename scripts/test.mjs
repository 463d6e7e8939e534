// `npm test`: set-up, checks, all tests. The last line adds up every runner: `N passed, N failed`.
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { check } from "./check.mjs";
import { OLDEST_RAY_VENV, VENV, VENV_PYTHON } from "./lib/python.mjs";
import { ROOT, run, runScript } from "./lib/steps.mjs";
import { findChromium } from "./lib/system-tools.mjs";
import { runVitest } from "./lib/vitest.mjs";
import { setUp } from "./setup.mjs";

const OUTPUT = join(ROOT, "test-output");

const OLDEST_RAY = {
  name: "oldest-ray",
  venv: OLDEST_RAY_VENV,
  files: ["ray", "ray-batches", "ray-bootstrap", "ray-logs"].map(
    (name) => `test/runtime/engine/${name}.process.test.ts`,
  ),
};

const RUNNERS = [
  { name: "Checks", run: check },
  { name: "Unit tests", run: () => vitest("unit") },
  { name: "Process and browser tests", run: () => vitest("process") },
  { name: "On the oldest Ray", run: () => vitest("process", OLDEST_RAY) },
  { name: "Kernel conformance (jupyter_kernel_test)", run: kernelConformance },
  { name: "Nothing left behind", run: nothingLeftBehind },
];

await runScript(async () => {
  const before = leftovers();
  await setUp({ tests: true });
  mkdirSync(OUTPUT, { recursive: true });
  const total = { passed: 0, failed: 0 };
  for (const runner of RUNNERS) {
    console.log(runner.name);
    const start = performance.now();
    const counts = await runner.run({ before });
    console.log(
      `  ${counts.passed} passed, ${counts.failed} failed in ${((performance.now() - start) / 1000).toFixed(0)} s\n`,
    );
    total.passed += counts.passed;
    total.failed += counts.failed;
  }
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed > 0 ? 1 : 0;
});

async function vitest(project, { venv = VENV, ...which } = {}) {
  const PATH = [join(venv, "bin"), process.env.PATH].join(delimiter);
  const env = { ...process.env, PATH, CHROMIUM: findChromium() ?? "", MOBULA_TEST_VENV: venv };
  return await runVitest(project, { env, folder: OUTPUT, ...which });
}

async function kernelConformance() {
  const env = { ...process.env, JUPYTER_PATH: join(VENV, "share", "jupyter") };
  const folder = join(ROOT, "test", "e2e", "kernel", "jupyter_kernel_test");
  const { code, output } = await run(VENV_PYTHON, ["-m", "unittest", "-v", "test_mobula"], { cwd: folder, env });
  const ran = Number(/^Ran (\d+) tests?/m.exec(output)?.[1] ?? 0);
  const bad = ["failures", "errors"].reduce(
    (sum, word) => sum + Number(new RegExp(`${word}=(\\d+)`).exec(output)?.[1] ?? 0),
    0,
  );
  const skipped = Number(/skipped=(\d+)/.exec(output)?.[1] ?? 0);
  // The pager is the only thing that this kernel does not have; anything else that is skipped was not tested.
  const untested = output
    .split("\n")
    .filter((line) => / \.\.\. skipped /.test(line) && !line.startsWith("test_pager "));
  console.log(
    output
      .split("\n")
      .filter((line) => /\.\.\. /.test(line) || code !== 0)
      .map((line) => `  ${line}`)
      .join("\n"),
  );
  return ran === 0 ? { passed: 0, failed: 1 } : { passed: ran - bad - skipped, failed: bad + untested.length };
}

/** Processes of this checkout, and what Mobula keeps in shared memory and temporary folders. */
function leftovers() {
  const found = [];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    let command = "";
    try {
      command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
    } catch {
      continue; // ended meanwhile
    }
    const ours = [join(ROOT, "kernel", "dist"), join(ROOT, "runtime", "dist"), VENV, OLDEST_RAY_VENV].some((path) =>
      command.includes(path),
    );
    if (ours) found.push(`process ${pid}: ${command.slice(0, 160)}`);
  }
  for (const folder of ["/dev/shm", tmpdir()].filter((path) => existsSync(path))) {
    for (const name of readdirSync(folder)) if (name.startsWith("mobula")) found.push(join(folder, name));
  }
  return found;
}

async function nothingLeftBehind({ before }) {
  const deadline = Date.now() + 10_000;
  const fresh = () => leftovers().filter((entry) => !before.includes(entry));
  while (fresh().length > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 250));
  const left = fresh();
  for (const entry of left) console.log(`  ✗ ${entry}`);
  return { passed: left.length === 0 ? 1 : 0, failed: left.length };
}
