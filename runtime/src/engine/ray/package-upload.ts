/** Brings the program of hub and workers to a Ray cluster, once. */
import type { JobsApi } from "./jobs-api.ts";
import { fingerprintOf, packageFiles } from "./package-files.ts";
import { type ZipFile, zip } from "./zip.ts";

/** @returns the name of its package there */
export async function ensurePackage(api: JobsApi, files: readonly ZipFile[] = packageFiles()): Promise<string> {
  const archive = `_ray_pkg_${fingerprintOf(files)}.zip`;
  if (!(await api.hasPackage(archive))) await api.upload(archive, zip(files));
  return archive;
}
