// What the tests need of the system: what is there, or Debian's packages.
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { installDebianPackages, isDebianRoot } from "./python.mjs";
import { SetupError, step } from "./steps.mjs";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Path of a Chromium: `CHROMIUM` from the environment, or the first on PATH. */
export function findChromium() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  return onPath(NAMES);
}

function onPath(names) {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of names) {
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

/** Some tests make networks of their own. Where they cannot, they say so. */
export async function setUpNetworkTools() {
  if (onPath(["ip"]) || !isDebianRoot()) return;
  await step("Network tools for the tests", { work: () => installDebianPackages(["iproute2"]) });
}
