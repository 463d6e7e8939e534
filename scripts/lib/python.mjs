// The project's own Python environment: JupyterLab to open notebooks in, and what the tests and benchmarks compare with.
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fingerprint, ROOT, run, SETUP, SetupError, step } from "./steps.mjs";

export const VENV = join(ROOT, ".venv");
export const VENV_PYTHON = join(VENV, "bin", "python");
/** An environment with nothing but the oldest Ray that the runtime takes. */
export const OLDEST_RAY_VENV = join(SETUP, "oldest-ray");
const OLDEST = [3, 10];

/** Make `.venv` and install the packages of the requirement files named by `sets` (`lab`, `test`, `bench`). */
export async function setUpPython(sets) {
  const python = await findPython();
  await step("Python environment", {
    inputs: fingerprint({ texts: [python.path, python.version] }),
    outputs: [VENV_PYTHON],
    work: () => makeEnvironment(python, VENV),
  });
  for (const set of sets) {
    const file = requirementsOf(set);
    const packages = readFileSync(join(ROOT, file), "utf8")
      .match(/^[a-z][^=<>~#\s]*/gim)
      ?.join(", ");
    await step(`Python packages: ${packages}`, {
      inputs: fingerprint({ texts: [python.version], paths: [file, ...ownPackages(file)] }),
      outputs: [VENV_PYTHON],
      work: () => installPackages(VENV, file, packages),
    });
  }
}

/** Make `OLDEST_RAY_VENV`. */
export async function setUpOldestRay() {
  const python = await findPython();
  const file = requirementsOf("oldest-ray");
  const [, version] = /==(\S+)/.exec(readFileSync(join(ROOT, file), "utf8"));
  await step(`Ray ${version}, the oldest that is supported`, {
    inputs: fingerprint({ texts: [python.path, python.version], paths: [file] }),
    outputs: [join(OLDEST_RAY_VENV, "bin", "ray")],
    work: async () => {
      await makeEnvironment(python, OLDEST_RAY_VENV);
      await installPackages(OLDEST_RAY_VENV, file, `ray ${version}`);
    },
  });
}

function requirementsOf(set) {
  return join("scripts", "requirements", `${set}.txt`);
}

async function installPackages(venv, file, packages) {
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
  await run(join(venv, "bin", "python"), [...pip, "-r", file], {
    failure: `pip could not install ${packages}; see its words above. Check the network and the free disk space, then run the same command again.`,
  });
}

/** Folders of the repository that a requirement file installs. */
function ownPackages(file) {
  return readFileSync(join(ROOT, file), "utf8").match(/^\.\/\S+/gm) ?? [];
}

async function findPython() {
  const tried = [
    process.env.PYTHON,
    "python3",
    "python3.13",
    "python3.12",
    "python3.11",
    "python3.10",
    "python",
  ].filter(Boolean);
  let tooOld;
  for (const path of tried) {
    const probe = await run(path, ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]).catch(() => undefined);
    if (!probe || probe.code !== 0) continue;
    const version = probe.output.trim();
    const [major, minor] = version.split(".").map(Number);
    if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return { path, version };
    tooOld ??= version;
  }
  throw new SetupError(
    tooOld
      ? `JupyterLab needs Python ${OLDEST.join(".")} or newer, and only ${tooOld} was found; install a newer one, or name it: PYTHON=/path/to/python3 npm start.`
      : `No Python found, and JupyterLab needs one (${OLDEST.join(".")} or newer); install it (Debian: apt-get install python3 python3-venv), or name it: PYTHON=/path/to/python3 npm start.`,
  );
}

async function makeEnvironment(python, venv) {
  rmSync(venv, { recursive: true, force: true });
  const create = () => run(python.path, ["-m", "venv", venv]);
  let made = await create();
  if (made.code !== 0 && /ensurepip|python3.*-venv/.test(made.output) && isDebianRoot()) {
    await installDebianPackages(["python3-venv"]);
    rmSync(venv, { recursive: true, force: true });
    made = await create();
  }
  if (made.code !== 0) {
    console.error(made.output);
    throw new SetupError(
      `Python ${python.version} could not make a virtual environment; install its venv module (Debian: apt-get install python3-venv) and run the same command again.`,
    );
  }
}

export function isDebianRoot() {
  return process.getuid?.() === 0 && existsSync("/usr/bin/apt-get");
}

export async function installDebianPackages(names) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const failure = `apt-get could not install ${names.join(", ")}; see its words above.`;
  await run("apt-get", ["update", "-qq"], { env, failure });
  await run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...names], { env, failure });
}
