/** The programs of the project's Python environment, with folders of one test alone. */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { installKernelspec } from "../../kernel/src/install.ts";

export const ROOT: string = resolve(import.meta.dirname, "../..");
/** Screenshots and executed notebooks; kept after the run, to be looked at. */
export const OUTPUT: string = join(ROOT, "test-output");

const VENV = process.env["MOBULA_TEST_VENV"] ?? join(ROOT, ".venv");
export const VENV_PYTHON: string = join(VENV, "bin", "python");

export interface JupyterHome {
  /** Inside the repository, so that notebooks find its packages. */
  readonly folder: string;
  /** With Jupyter's folders in `folder`, and the kernel of this checkout, whichever the Python environment names. */
  readonly env: NodeJS.ProcessEnv;
  readonly remove: () => void;
}

export async function makeJupyterHome(prefix: string): Promise<JupyterHome> {
  if (!existsSync(program("jupyter"))) throw new Error(`No Jupyter in ${VENV}; run: npm run setup`);
  mkdirSync(OUTPUT, { recursive: true });
  const folder = mkdtempSync(join(OUTPUT, prefix));
  await installKernelspec({ target: { type: "data-dir", directory: join(folder, "data") } });
  const env = {
    ...process.env,
    JUPYTER_CONFIG_DIR: join(folder, "config"),
    JUPYTER_DATA_DIR: join(folder, "data"),
    JUPYTER_RUNTIME_DIR: join(folder, "runtime"),
    JUPYTER_NO_CONFIG: "1",
    JUPYTER_PREFER_ENV_PATH: "0",
  };
  return { folder, env, remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }) };
}

/** Path of a program of the Python environment. */
export function program(name: string): string {
  return join(VENV, "bin", name);
}
