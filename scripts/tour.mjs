// `npm run tour`: the tour notebook executed headless; the executed copy lies in test-output/.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ROOT, run, runScript } from "./lib/steps.mjs";
import { setUp } from "./setup.mjs";

await runScript(async () => {
  await setUp({ python: false });
  mkdirSync(join(ROOT, "test-output"), { recursive: true });
  const args = [
    "runtime/dist/cli/main.js",
    "run",
    "notebooks/tour.ipynb",
    "-o",
    "test-output/tour.ipynb",
    ...process.argv.slice(2),
  ];
  return (await run(process.execPath, args, { show: true })).code;
});
