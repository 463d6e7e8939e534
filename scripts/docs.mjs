// `npm run docs`: docs/api from the docstrings of the public names. `--check` writes nothing, and fails when it is out of date.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT, run, runScript, SetupError } from "./lib/steps.mjs";

const REFERENCE = join("docs", "api", "README.md");
const TYPEDOC = ["node_modules/typedoc/bin/typedoc", "--out"];

/** @returns {Promise<string | undefined>} what is wrong with the reference, if anything is */
export async function checkDocs() {
  mkdirSync(join(ROOT, "test-output"), { recursive: true });
  const folder = mkdtempSync(join(ROOT, "test-output", "docs-"));
  try {
    const { code, output } = await run(process.execPath, [...TYPEDOC, folder]);
    if (code !== 0) return output;
    const [saved, made] = [join(ROOT, REFERENCE), join(folder, "README.md")].map((path) => readFileSync(path, "utf8"));
    return saved === made
      ? undefined
      : `${REFERENCE} is not what the docstrings say: run \`npm run docs\`, and look at the change.`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runScript(async () => {
    if (process.argv.includes("--check")) {
      const problem = await checkDocs();
      if (problem !== undefined) throw new SetupError(problem);
      return 0;
    }
    const { code, output } = await run(process.execPath, [...TYPEDOC, join(ROOT, "docs", "api")]);
    console.log(output);
    return code;
  });
}
