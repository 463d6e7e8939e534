import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { firstLine } from "../../support/driver-program.ts";
import { StandingWorld } from "../../support/standing-cluster.ts";

it.runIf(process.platform === "linux")(
  "a detached actor outlives its driver and is found by the next; other named ones end with theirs",
  async () => {
    const world = new StandingWorld();
    await world.cluster();
    const driver = async (mode: string): Promise<unknown> => {
      const file = fileURLToPath(new URL("../programs/names.mjs", import.meta.url));
      const child = spawn(process.execPath, [file, mode], { env: world.env, stdio: ["ignore", "pipe", "inherit"] });
      onTestFinished(() => void child.kill("SIGKILL"));
      const ended = new Promise((resolve) => child.once("exit", resolve));
      const said = JSON.parse(await firstLine(child)) as unknown;
      expect(await ended).toBe(0);
      return said;
    };
    expect(await driver("make")).toEqual({
      names: ["lasting", "mortal"],
      jobId: expect.stringMatching(/^d[0-9a-z]{6,}$/) as string,
    });
    expect(await driver("find")).toEqual({ n: 6, mortal: true, names: ["lasting"] });
  },
);
