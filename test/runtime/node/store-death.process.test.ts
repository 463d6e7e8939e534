import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cluster, init, listObjects, shutdown, task } from "../../../runtime/src/index.ts";
import { eventually, firstLine, startProgram } from "../../support/driver-program.ts";
import { isRunning } from "../../support/processes.ts";
import { StandingWorld } from "../../support/standing-cluster.ts";

const MB = 1024 ** 2;
const isLinux = process.platform === "linux";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "store-death-"));
});
afterEach(async () => {
  await shutdown();
  rmSync(folder, { recursive: true, force: true });
});

function foldersOfSockets(): string[] {
  const names = readdirSync(tmpdir()).filter((name) => name.startsWith("mobula-"));
  return names.map((name) => join(tmpdir(), name)).filter((path) => existsSync(join(path, "head.sock")));
}

interface Report {
  readonly pids: readonly number[];
  readonly arena: string;
  readonly spilled: number;
}

describe.runIf(isLinux)("spill files", () => {
  async function spilling(): Promise<Report & { driver: number }> {
    const child = startProgram("spills", folder);
    const report = JSON.parse(await firstLine(child)) as Report;
    expect(report.spilled).toBeGreaterThan(0);
    expect(readdirSync(folder)).toHaveLength(1);
    return { ...report, driver: child.pid as number };
  }

  it.each(["driver", "head"])("go when the %s is killed", async (who) => {
    const { pids, driver } = await spilling();
    process.kill(who === "driver" ? driver : (pids[0] as number), "SIGKILL");
    expect(await eventually(() => readdirSync(folder).length === 0, 10_000)).toBe(true);
  });

  it("go with the next cluster when everybody is killed at once", async () => {
    const before = new Set(foldersOfSockets());
    const { pids, driver, arena } = await spilling();
    const [sockets = "none"] = foldersOfSockets().filter((path) => !before.has(path));
    for (const pid of [...pids, driver]) process.kill(pid, "SIGSTOP");
    for (const pid of [...pids, driver]) process.kill(pid, "SIGKILL");
    expect(await eventually(() => ![...pids, driver].some(isRunning), 10_000)).toBe(true);
    expect(readdirSync(folder)).toHaveLength(1);
    expect(existsSync(sockets)).toBe(true);
    await init({ cpus: 1, objectStoreBytes: 32 * MB, spillDirectory: folder });
    expect(await eventually(() => readdirSync(folder).length === 0 && !existsSync(arena), 10_000)).toBe(true);
    expect(await eventually(() => !existsSync(sockets), 10_000)).toBe(true);
  });
});

describe.runIf(isLinux)("a worker that is killed while it writes its result", () => {
  it("leaves no memory taken, and its task runs again", async () => {
    await init({ cpus: 1, objectStoreBytes: 256 * MB, spillBytes: 0 });
    const dies = task(
      (directory: string) => {
        const { existsSync, writeFileSync } = process.getBuiltinModule("node:fs");
        const big = new Float64Array(8 * 1024 * 1024).fill(1);
        if (existsSync(`${directory}/ran`)) return big;
        writeFileSync(`${directory}/ran`, "");
        const { spawn } = process.getBuiltinModule("node:child_process");
        // It dies at some moment of the next milliseconds, most of which go into the copy.
        spawn("sh", ["-c", `sleep 0.01; kill -9 ${process.pid}`], { stdio: "ignore" });
        const end = performance.now() + 8;
        while (performance.now() < end);
        return big;
      },
      { retries: 5 },
    );
    for (let round = 0; round < 5; round++) {
      rmSync(join(folder, "ran"), { force: true });
      const ref = dies(folder);
      expect((await ref)[8 * 1024 * 1024 - 1]).toBe(1);
      ref[Symbol.dispose]();
    }
    const isFree = async (): Promise<boolean> => (await cluster()).objectStore.usedBytes <= 65 * MB;
    expect(await eventually(isFree, 10_000)).toBe(true);
    const { items } = await listObjects();
    expect(items.filter(({ state }) => state === "pending")).toEqual([]);
  });
});

describe.runIf(isLinux)("a driver that has left a standing cluster", () => {
  it("reads what it has mapped, though others fill the store", async () => {
    const world = new StandingWorld();
    await world.cluster("--name", "default", "--object-store-memory", "64MB");
    const program = fileURLToPath(new URL("../programs/keeps-array.mjs", import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [program], { env: world.env });
    expect(JSON.parse(stdout)).toEqual({ isWhole: true, count: 40 });
  });
});
