import { afterEach, beforeEach, expect, it } from "vitest";
import { OwnTemporaryFolder } from "../../support/cluster-remains.ts";
import { firstLine, startProgram, startProgramWith } from "../../support/driver-program.ts";

interface Standing {
  readonly head: number;
  readonly arena: string;
}

const isSupported = process.platform === "linux";
let folder: OwnTemporaryFolder;
beforeEach(() => {
  folder = new OwnTemporaryFolder();
});
afterEach(() => folder.remove());

async function standing(mode: string): Promise<{ child: ReturnType<typeof startProgram>; cluster: Standing }> {
  const child = startProgramWith(folder.env, "standing", mode);
  const cluster = JSON.parse(await firstLine(child)) as Standing;
  if (mode !== "exit") folder.expectArena(cluster.arena);
  return { child, cluster };
}

it.runIf(isSupported).each(["idle", "spin"])("a killed driver (%s) leaves no process and no file", async (mode) => {
  const world = await standing(mode);
  world.child.kill("SIGKILL");
  await folder.expectEmpty();
});

it.runIf(isSupported)("a driver that exits leaves no process and no file", async () => {
  await standing("exit");
  await folder.expectEmpty();
});

it.runIf(isSupported)("workers of a killed head end, and its files go", async () => {
  const world = await standing("idle");
  process.kill(world.cluster.head, "SIGKILL");
  await folder.expectOnly(world.child.pid as number);
  world.child.kill("SIGKILL");
});

it.runIf(isSupported)("driver and head killed together leave no process and no file", async () => {
  const world = await standing("spin");
  process.kill(world.cluster.head, "SIGKILL");
  world.child.kill("SIGKILL");
  await folder.expectEmpty();
});

it("a program that comes to its end ends, without shutdown()", async () => {
  const child = startProgram("ends");
  expect(await firstLine(child)).toBe("2,4");
  const code = await new Promise((resolve) => child.once("exit", resolve));
  expect(code).toBe(0);
});
