// `npm run build`: compile what changed.
import { runScript } from "./lib/steps.mjs";
import { build } from "./setup.mjs";

await runScript(build);
