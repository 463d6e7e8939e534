// Chromium for the browser tests: one that is there, or Debian's package.
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { installDebianPackages, isDebianRoot } from "./python.mjs";
import { SetupError, step } from "./steps.mjs";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Path of a Chromium: `CHROMIUM` from the environment, or the first on PATH. */
export function findChromium() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of NAMES) {
      if (existsSync(join(folder, name))) return join(folder, name);
    }
  }
  return undefined;
}

export async function setUpChromium() {
  await step("Chromium for the browser tests", {
    work: async () => {
      if (!findChromium() && isDebianRoot()) await installDebianPackages(["chromium", "fonts-dejavu-core"]);
      if (!findChromium()) {
        throw new SetupError(
          "The browser tests need Chromium; install it (Debian: apt-get install chromium), or name one: CHROMIUM=/path/to/chromium npm test.",
        );
      }
    },
  });
}
