// `npm run check`: types, lint, format. Each is one check of `npm test`.
import { pathToFileURL } from "node:url";
import { checkDocs } from "./docs.mjs";
import { run, runScript } from "./lib/steps.mjs";

const CHECKS = [
  { name: "types", args: ["node_modules/typescript/bin/tsc", "-b"] },
  { name: "types of the tests", args: ["node_modules/typescript/bin/tsc", "-p", "test"] },
  { name: "lint", args: ["node_modules/oxlint/bin/oxlint", "--type-aware", "--deny-warnings"] },
  { name: "format", args: ["node_modules/@biomejs/biome/bin/biome", "check", "."] },
];

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function check() {
  const counts = { passed: 0, failed: 0 };
  for (const { name, args } of CHECKS) {
    const { code, output } = await run(process.execPath, args);
    console.log(`  ${code === 0 ? "✓" : "✗"} ${name}`);
    if (code !== 0) console.log(output);
    counts[code === 0 ? "passed" : "failed"]++;
  }
  const problem = await checkDocs();
  console.log(`  ${problem === undefined ? "✓" : "✗"} API reference`);
  if (problem !== undefined) console.log(problem);
  counts[problem === undefined ? "passed" : "failed"]++;
  return counts;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runScript(async () => ((await check()).failed > 0 ? 1 : 0));
}
