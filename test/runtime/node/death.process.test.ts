import { existsSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { expect, it } from "vitest";
import { eventually, firstLine, isRunning, startProgram } from "../../support/driver-program.ts";

interface Standing {
  readonly head: number;
  readonly pids: readonly number[];
  readonly arena: string;
}

const isSupported = process.platform === "linux";

function sockets(): string[] {
  return readdirSync(tmpdir()).filter((name) => /^mobula-[A-Za-z0-9]{6}$/.test(name));
}

async function standing(
  mode: string,
): Promise<{ child: ReturnType<typeof startProgram>; cluster: Standing; before: string[] }> {
  const before = sockets();
  const child = startProgram("standing", mode);
  const cluster = JSON.parse(await firstLine(child)) as Standing;
  expect(existsSync(cluster.arena)).toBe(true);
  return { child, cluster, before };
}

async function expectNothingLeft({ cluster, before }: { cluster: Standing; before: string[] }): Promise<void> {
  const left = (): unknown[] => [
    ...[cluster.head, ...cluster.pids].filter(isRunning),
    ...(existsSync(cluster.arena) ? [cluster.arena] : []),
    ...sockets().filter((name) => !before.includes(name)),
  ];
  await eventually(() => left().length === 0, 3_000);
  expect(left()).toEqual([]);
}

it.runIf(isSupported).each(["idle", "spin"])("a killed driver (%s) leaves no process and no file", async (mode) => {
  const world = await standing(mode);
  world.child.kill("SIGKILL");
  await expectNothingLeft(world);
});

it.runIf(isSupported)("a driver that exits leaves no process and no file", async () => {
  await expectNothingLeft(await standing("exit"));
});

it.runIf(isSupported)("workers of a killed head end, and its files go", async () => {
  const world = await standing("idle");
  process.kill(world.cluster.head, "SIGKILL");
  await expectNothingLeft(world);
  expect(isRunning(world.child.pid as number)).toBe(true);
  world.child.kill("SIGKILL");
});

it.runIf(isSupported)("driver and head killed together leave no process and no file", async () => {
  const world = await standing("spin");
  process.kill(world.cluster.head, "SIGKILL");
  world.child.kill("SIGKILL");
  await expectNothingLeft(world);
});

it("a program that comes to its end ends, without shutdown()", async () => {
  const child = startProgram("ends");
  expect(await firstLine(child)).toBe("2,4");
  const code = await new Promise((resolve) => child.once("exit", resolve));
  expect(code).toBe(0);
});
