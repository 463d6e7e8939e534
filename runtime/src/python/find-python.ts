/** Which Python runs calls on this machine. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { RuntimeEnvError } from "../errors.ts";

export const OLDEST_PYTHON = "3.10";

/**
 * `MOBULA_PYTHON`, else that of the active virtual environment, else the first on the PATH.
 *
 * @throws RuntimeEnvError when there is none
 */
export function findPython(env: NodeJS.ProcessEnv = process.env): string {
  const { MOBULA_PYTHON: named, VIRTUAL_ENV, CONDA_PREFIX, PATH = "" } = env;
  const places = PATH.split(delimiter).filter((folder) => folder !== "");
  if (named !== undefined && named !== "") {
    const found = named.includes("/") ? [named] : places.map((folder) => join(folder, named));
    return (
      found.find(isExecutable) ??
      fail(`MOBULA_PYTHON names '${named}', which is no program here: give it the path of a Python interpreter`)
    );
  }
  const candidates = [
    ...[VIRTUAL_ENV, CONDA_PREFIX].filter((place) => place !== undefined).map((place) => join(place, "bin", "python")),
    ...["python3", "python"].flatMap((name) => places.map((folder) => join(folder, name))),
  ];
  return (
    candidates.find(isExecutable) ??
    fail(
      `Calls to Python need Python ${OLDEST_PYTHON} or newer, and there is none on the PATH: install it, or name one in the variable MOBULA_PYTHON`,
    )
  );
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function fail(reason: string): never {
  throw new RuntimeEnvError(`${reason}.`);
}
