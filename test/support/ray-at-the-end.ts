/** For a run of tests: where its files note the Ray cluster that they share, and the end of it. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { type RayPlace, rayAt } from "./ray-cluster.ts";

declare module "vitest" {
  export interface ProvidedContext {
    rayFolder: string;
  }
}

export function noteIn(folder: string): string {
  return join(folder, "cluster.json");
}

export default function setUp(project: TestProject): () => Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "ray-run-"));
  project.provide("rayFolder", folder);
  return async () => {
    const note = noteIn(folder);
    if (existsSync(note)) await rayAt(JSON.parse(readFileSync(note, "utf8")) as RayPlace).stop();
    rmSync(folder, { recursive: true, force: true });
  };
}
