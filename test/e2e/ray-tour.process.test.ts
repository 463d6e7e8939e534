import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { OUTPUT } from "../support/jupyterlab.ts";
import { type NotebookRun, runNotebook, shownBy } from "../support/notebook-runs.ts";
import type { RayCluster } from "../support/ray-cluster.ts";
import { sharedRay } from "../support/shared-ray.ts";

/** What differs: what the cluster is made of, and how long things took. */
const VARYING = ["start", "run", "timing"];

let ray: RayCluster;
let folder: string;
beforeAll(async () => {
  mkdirSync(OUTPUT, { recursive: true });
  folder = mkdtempSync(join(OUTPUT, "ray-tour-"));
  ray = await sharedRay();
});
afterAll(async () => {
  await ray?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("the tour gives on a Ray cluster what it gives on this machine, with one address changed", () => {
  const local = tour({});
  const onRay = tour({
    MOBULA_ADDRESS: ray.address,
    MOBULA_STATE_DIR: ray.stateFolder,
    RAY_AUTH_TOKEN: ray.token,
  });
  expect(onRay.stderr).not.toContain("Error:");
  expect(onRay.status).toBe(0);
  const { start, ...shown } = shownBy(onRay.cells);
  expect(start?.join("\n")).toMatch(/^Ray [\d.]+\n\s*nodes\s+1\n\s*CPUs/);
  expect(fixed(shown)).toEqual(fixed(shownBy(local.cells)));
  expect(Object.values(fixed(shown)).flat().join("\n")).toMatch(/200,000 rows[\s\S]*mean delay \(min\)/);
});

function tour(env: Readonly<Record<string, string>>): NotebookRun {
  return runNotebook(folder, "tour.ipynb", ["-p", "blocks=3", "-p", "resamples=20"], env);
}

function fixed(shown: Readonly<Record<string, string[]>>): Record<string, string[]> {
  return Object.fromEntries(Object.entries(shown).filter(([id]) => !VARYING.includes(id)));
}
