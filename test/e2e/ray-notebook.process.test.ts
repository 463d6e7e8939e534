/** A notebook's kernel whose tasks run on a Ray cluster: what interrupts and ends do there. */
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { RunningKernel } from "../../kernel/src/client/index.ts";
import { run, runUntil, startRealKernel } from "../support/kernel/real-kernel.ts";
import type { RayCluster } from "../support/ray-cluster.ts";
import { sharedRay } from "../support/shared-ray.ts";

const PATIENCE = { timeout: 40_000, interval: 100 };
const LEASE_MS = 3_000;

let ray: RayCluster;
beforeAll(async () => {
  ray = await sharedRay();
});
afterAll(async () => {
  await ray?.stop();
});

let folder: string;
let kernel: RunningKernel;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "ray-notebook-"));
  const env = { MOBULA_ADDRESS: ray.address, MOBULA_STATE_DIR: ray.stateFolder, RAY_AUTH_TOKEN: ray.token };
  kernel = await startRealKernel(folder, "ipc", env);
  const { status, traceback } = await run(
    kernel.client,
    `import { appendFileSync } from "node:fs";
import { init, task } from "mobula";
await init({ leaseMs: ${LEASE_MS} });
const write = task(async (path: string): Promise<void> => {
  const { appendFileSync } = await import("node:fs");
  for (;;) {
    appendFileSync(path, ".");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}, { name: "write", cpus: 0.5 });`,
  );
  expect({ status, traceback }).toEqual({ status: "ok", traceback: "" });
});
afterEach(async () => {
  await kernel.kill();
  rmSync(folder, { recursive: true, force: true });
});

test("an interrupt cancels the tasks of its cell in the cluster, and those of other cells run on", async () => {
  const [kept, stopped] = [join(folder, "kept"), join(folder, "stopped")];
  await run(kernel.client, `const kept = write(${JSON.stringify(kept)});`);
  await vi.waitUntil(() => existsSync(kept), PATIENCE);
  const { finished } = await runUntil(
    kernel.client,
    `console.log("go"); await Promise.all([write(${JSON.stringify(stopped)}), write(${JSON.stringify(stopped)})]);`,
    "go",
  );
  await vi.waitUntil(() => existsSync(stopped), PATIENCE);
  await kernel.client.interrupt();
  expect(await finished).toMatchObject({ status: "error", error: { ename: "KeyboardInterrupt" } });
  await untilStill(stopped);
  await untilGrows(kept);
  expect((await run(kernel.client, "'undisturbed'")).value).toBe("'undisturbed'");
});

test("a value that a task stored, and that its process took along, names the cell to run again", async () => {
  // The count of cells goes on, as in any notebook, where a cell does not compile.
  expect((await run(kernel.client, "const wrong: number = 'text';")).status).toBe("error");
  const { status, traceback, executionCount } = await run(
    kernel.client,
    `import { put } from "mobula";
const store = task(() => ({ pid: process.ppid, inside: put(new Float64Array(300_000)) }), { name: "store" });
const { pid, inside } = await store();
process.kill(pid, "SIGKILL");`,
  );
  expect({ status, traceback }).toEqual({ status: "ok", traceback: "" });
  // Ray takes a moment to see it.
  const lost = await run(
    kernel.client,
    "for (;;) { await inside; await new Promise((done) => setTimeout(done, 100)); }",
  );
  const place = `it was stored by put() in cell [${executionCount}]. Run the task or put() that made it again.`;
  expect(lost.error).toMatchObject({ ename: "ObjectLostError", evalue: expect.stringContaining(place) });
});

describe("the end of a notebook ends its tasks in the cluster", () => {
  test.each(["shutdown", "kill"] as const)("by %s", async (how) => {
    const path = join(folder, "task");
    await run(kernel.client, `const running = write(${JSON.stringify(path)});`);
    await vi.waitUntil(() => existsSync(path), PATIENCE);
    expect(sessions()).toHaveLength(1);
    await kernel[how]();
    await vi.waitUntil(() => sessions().length === 0, PATIENCE);
    await untilStill(path);
  });
});

/** Drivers' sessions in the cluster. */
function sessions(): string[] {
  return ray
    .processes()
    .map(({ command }) => command)
    .filter((command) => command.includes("mobula_ray.session"));
}

async function untilStill(path: string): Promise<void> {
  await vi.waitUntil(async () => !(await grows(path, 500)), PATIENCE);
}

async function untilGrows(path: string): Promise<void> {
  await vi.waitUntil(() => grows(path, 500), PATIENCE);
}

async function grows(path: string, withinMs: number): Promise<boolean> {
  const before = statSync(path).size;
  await new Promise((resolve) => setTimeout(resolve, withinMs));
  return statSync(path).size > before;
}
