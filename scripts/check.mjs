// `npm run check`: types, lint, format. Each is one check of `npm test`.
import { pathToFileURL } from "node:url";
import { checkDocs } from "./docs.mjs";
import { VENV_PYTHON } from "./lib/python.mjs";
import { run, runScript, SetupError } from "./lib/steps.mjs";
import { compile } from "./setup.mjs";

const CHECKS = [
  { name: "types of the tests", args: ["node_modules/typescript/bin/tsc", "-p", "test"] },
  { name: "lint", args: ["node_modules/oxlint/bin/oxlint", "--type-aware", "--deny-warnings"] },
  { name: "format", args: ["node_modules/@biomejs/biome/bin/biome", "check", "."] },
];
/** With the packages that `npm test` installs: Ray's types among them. */
const PYTHON_PACKAGES = ["runtime/python/mobula_python", "runtime/python/mobula_ray"];
const PYTHON_TYPES = ["-m", "mypy", "--config-file", "runtime/python/mypy.ini", ...PYTHON_PACKAGES];

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function check() {
  const counts = { passed: 0, failed: 0 };
  const tell = (name, problem) => {
    console.log(`  ${problem === undefined ? "✓" : "✗"} ${name}`);
    if (problem !== undefined) console.log(problem);
    counts[problem === undefined ? "passed" : "failed"]++;
  };
  tell("types", await compileProblem());
  for (const { name, args } of CHECKS) {
    const { code, output } = await run(process.execPath, args);
    tell(name, code === 0 ? undefined : output);
  }
  const python = await run(VENV_PYTHON, PYTHON_TYPES);
  tell("types of the Python side", python.code === 0 ? undefined : python.output);
  tell("API reference", await checkDocs());
  return counts;
}

/** The compiler is run by way of the build: alone it would leave the runtime's modules as single files. */
async function compileProblem() {
  try {
    await compile();
    return undefined;
  } catch (error) {
    if (error instanceof SetupError) return error.message;
    throw error;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runScript(async () => ((await check()).failed > 0 ? 1 : 0));
}
