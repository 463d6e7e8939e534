/** Makes this worker one of an environment, before any code of the user's is here. */
import Module, { createRequire, register } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { lookUnder } from "../closure/modules.ts";
import type { PreparedEnvironment } from "../node/environments.ts";
import type { InstalledPackages } from "../node/npm-packages.ts";
import { programUrl } from "../node/program-url.ts";
import { isOfPackages, type PackageHooksData } from "./package-hooks.ts";

export function enterEnvironment({ environment, packages }: PreparedEnvironment): void {
  const { workingDir, baseDir } = environment;
  if (workingDir !== undefined && baseDir !== undefined) lookUnder({ from: baseDir, to: workingDir });
  if (packages !== undefined && packages.names.length > 0) usePackages(packages);
}

/** The user's modules find the packages, before others of the same names; packages find what they brought along. */
function usePackages({ folder, names }: InstalledPackages): void {
  const importer = join(folder, "[runtimeEnv]");
  const data: PackageHooksData = { names, parentURL: pathToFileURL(importer).href };
  register(programUrl("worker/package-hooks"), { data });
  const fromPackages = createRequire(importer);
  const loader = Module as unknown as {
    _resolveFilename(request: string, parent: { filename?: string | null } | undefined, ...more: unknown[]): string;
  };
  const resolve = loader._resolveFilename.bind(loader);
  loader._resolveFilename = (request, parent, ...more) => {
    const file = parent?.filename ?? "";
    // What is looked up from the packages' folder comes back here.
    const isTheirs = file !== importer && isOfPackages(names, request, file);
    return isTheirs ? fromPackages.resolve(request) : resolve(request, parent, ...more);
  };
}
