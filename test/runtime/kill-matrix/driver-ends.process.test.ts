/** However a driver or the head ends, nothing is left, and whoever waits hears of it. */
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { OwnTemporaryFolder } from "../../support/cluster-remains.ts";
import { firstLine, startProgramWith } from "../../support/driver-program.ts";

let folder: OwnTemporaryFolder;
beforeEach(() => {
  folder = new OwnTemporaryFolder();
});
afterEach(() => folder.remove());

interface Standing {
  readonly head: number;
  readonly arena: string;
}

const ends: { what: string; mode: string; signal?: NodeJS.Signals }[] = [
  { what: "process.exit()", mode: "exit" },
  { what: "an uncaught error", mode: "throw" },
  { what: "an unhandled rejection", mode: "reject" },
  { what: "process.abort()", mode: "abort" },
  { what: "SIGTERM", mode: "idle", signal: "SIGTERM" },
  { what: "SIGINT", mode: "idle", signal: "SIGINT" },
  { what: "SIGHUP", mode: "idle", signal: "SIGHUP" },
  { what: "SIGKILL", mode: "idle", signal: "SIGKILL" },
  { what: "SIGKILL while it spins", mode: "spin", signal: "SIGKILL" },
];

describe("a driver", () => {
  it.each(ends)("that ends by $what leaves no process and no file", async ({ mode, signal }) => {
    const child = startProgramWith(folder.env, "standing", mode);
    const ended = new Promise((resolve) => child.once("exit", resolve));
    const { arena } = JSON.parse(await firstLine(child)) as Standing;
    if (signal !== undefined) {
      folder.expectArena(arena);
      child.kill(signal);
    }
    await ended;
    await folder.expectEmpty();
  });

  it("whose head is killed hears ENGINE_CLOSED soon, and its next use starts a new cluster", async () => {
    const child = startProgramWith(folder.env, "head-dies");
    const told = JSON.parse(await firstLine(child)) as Record<string, unknown>;
    const closed = expect.stringMatching(/^ENGINE_CLOSED .*head process/s);
    expect(told).toMatchObject({
      outcomes: [closed, closed, closed, closed],
      allocated: closed,
      later: expect.stringMatching(/^ENGINE_CLOSED/),
      old: expect.stringMatching(/^(OBJECT_LOST|ENGINE_CLOSED)|no error/),
      next: 2,
      isNew: true,
    });
    expect(told["tookMs"]).toBeLessThan(2_000);
    await new Promise((resolve) => (child.exitCode === null ? child.once("exit", resolve) : resolve(0)));
    await folder.expectEmpty();
  });

  it("may make and end clusters in any order", async () => {
    const child = startProgramWith(folder.env, "lifecycles");
    const ended = new Promise((resolve) => child.once("exit", resolve));
    const outcomes: [string, string][] = [];
    for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
      outcomes.push(JSON.parse(line) as [string, string]);
    }
    expect(await ended).toBe(0);
    expect(outcomes.filter(([, outcome]) => outcome !== "ok")).toEqual([]);
    expect(outcomes.length).toBe(8);
    await folder.expectEmpty();
  });
});
