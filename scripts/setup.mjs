// Everything a fresh clone needs, in steps that are skipped when they are done: `npm run setup`.
import { existsSync, mkdirSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { bundleRuntime, isBundled } from "./lib/bundle.mjs";
import { hasLanguageSnapshot, makeLanguageSnapshot, snapshotPath } from "./lib/language-snapshot.mjs";
import { setUpOldestRay, setUpPython, VENV } from "./lib/python.mjs";
import { fingerprint, PEERS, ROOT, run, runScript, SetupError, step } from "./lib/steps.mjs";
import { setUpChromium, setUpNetworkTools } from "./lib/system-tools.mjs";

const OLDEST_NODE = [20, 19];
const DISK_NEEDED_GB = 2;
const TSLAB = { name: "tslab", version: "1.0.22" };
const DENO = { name: "deno", version: "2.9.6" };
const MANIFESTS = [
  "package.json",
  "package-lock.json",
  "kernel/package.json",
  "runtime/package.json",
  "extensions/jupyterlab/package.json",
  "notebooks/package.json",
];

/**
 * Packages, builds, Python environment, and kernel and extension installed into it.
 *
 * @param {{ tests?: boolean, bench?: "core" | "kernel" | "ray", python?: boolean }} wanted `bench` names the suite whose peers are
 *   needed; `python: false` leaves JupyterLab out
 */
export async function setUp({ tests = false, bench, python = true } = {}) {
  const start = performance.now();
  console.log("Set-up");
  checkNode();
  checkDisk();
  await installPackages();
  await build();
  if (python) {
    await setUpPython(["lab", ...(tests ? ["test"] : []), ...(bench === "core" || bench === "ray" ? ["bench"] : [])]);
    await installIntoJupyter();
  }
  if (tests || bench === "kernel") await installPeer(TSLAB);
  if (bench === "kernel") await installPeer(DENO);
  if (tests) await setUpOldestRay();
  if (tests) {
    await setUpChromium();
    await setUpNetworkTools();
  }
  console.log(`Set-up done in ${((performance.now() - start) / 1000).toFixed(1)} s\n`);
}

function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    throw new SetupError(
      `Mobula needs Node ${OLDEST_NODE.join(".")} or newer, and this is ${process.versions.node}; install a newer Node and run the same command again.`,
    );
  }
}

function checkDisk() {
  if (existsSync(join(ROOT, "node_modules")) && existsSync(VENV)) return;
  const { bavail, bsize } = statfsSync(ROOT);
  const freeGb = (bavail * bsize) / 1e9;
  if (freeGb < DISK_NEEDED_GB) {
    throw new SetupError(
      `The first set-up needs about ${DISK_NEEDED_GB} GB, and the disk of this folder has ${freeGb.toFixed(1)} GB free; make room and run the same command again.`,
    );
  }
}

async function installPackages() {
  await step("npm packages", {
    inputs: fingerprint({ texts: [process.version], paths: MANIFESTS }),
    outputs: [join(ROOT, "node_modules", "typescript")],
    work: () =>
      // Not `npm ci`: it refuses a lock file without the packages of other platforms, which a mirror of the registry may lack.
      run("npm", ["install", "--no-save", "--no-progress", "--loglevel=error"], {
        failure:
          "npm could not install the packages; see its words above. Check the network and run the same command again.",
      }),
  });
}

/** Compile kernel and runtime, and build the JupyterLab extension. */
export async function build() {
  await compile();
  await snapshotLanguage();
  await step("Build JupyterLab extension", {
    inputs: fingerprint({
      paths: [
        "extensions/jupyterlab",
        "runtime/src/protocol/cluster-view.ts",
        "kernel/src/protocol/language-comm.ts",
        "package-lock.json",
      ],
    }),
    outputs: [join(ROOT, "extensions/jupyterlab/labextension/package.json")],
    work: () =>
      run("npm", ["run", "build", "--workspace", "extensions/jupyterlab", "--loglevel=error"], {
        failure: "The extension's build failed; its words are above.",
      }),
  });
}

/** Check and compile kernel and runtime, and join the runtime's modules. */
export async function compile() {
  await step("Build kernel and runtime", {
    inputs: fingerprint({
      paths: ["kernel", "runtime", "scripts/lib/bundle.mjs", "tsconfig.base.json", "tsconfig.json"],
    }),
    outputs: ["kernel/dist/main.js", "runtime/dist/index.js", "runtime/dist/cli/main.js"].map((path) =>
      join(ROOT, path),
    ),
    isDone: isBundled,
    work: async () => {
      await run(process.execPath, ["node_modules/typescript/bin/tsc", "-b"], {
        failure: "The build failed; the compiler's words are above.",
      });
      await bundleRuntime();
    },
  });
}

/** What the kernel's language process starts from. */
async function snapshotLanguage() {
  await step("Snapshot of the language service", {
    inputs: fingerprint({
      texts: [process.version],
      paths: ["kernel", "package-lock.json", "scripts/lib/language-snapshot.mjs"],
    }),
    outputs: [snapshotPath()],
    isDone: hasLanguageSnapshot,
    work: () => makeLanguageSnapshot(),
  });
}

/** A kernel to compare with, in a folder of its own: its packages would only be in the way of everybody else. */
async function installPeer({ name, version }) {
  const folder = join(PEERS, name);
  await step(`Peer: ${name} ${version}`, {
    inputs: fingerprint({ texts: [process.version, name, version] }),
    outputs: [join(folder, "node_modules", name)],
    work: () => {
      mkdirSync(folder, { recursive: true });
      return run(
        "npm",
        ["install", "--prefix", folder, "--ignore-scripts", "--no-save", "--loglevel=error", `${name}@${version}`],
        {
          failure: `npm could not install ${name}, a kernel to compare with; see its words above.`,
        },
      );
    },
  });
}

async function installIntoJupyter() {
  await step("Install kernel and extension into JupyterLab", {
    inputs: fingerprint({
      texts: [ROOT, process.execPath],
      paths: ["extensions/jupyterlab", "kernel/src/install.ts", "kernel/resources", "runtime/src/cli"],
    }),
    outputs: [
      join(VENV, "share/jupyter/kernels/mobula/kernel.json"),
      join(VENV, "share/jupyter/labextensions/@mobula/jupyterlab/package.json"),
    ],
    work: () =>
      run(process.execPath, ["runtime/dist/cli/main.js", "install", "--prefix", VENV], {
        failure: "Kernel and extension could not be installed into .venv; see the words above.",
      }),
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await runScript(() => setUp());
