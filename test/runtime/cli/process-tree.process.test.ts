import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { descendantsOf, ensureGone, type ProcessFacts } from "../../../runtime/src/cli/process-tree.ts";
import { isRunning } from "../../support/processes.ts";

/** A process that starts one of its own, which outlives it, and prints a line when both run. */
const PARENT = `
  const child = require("node:child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { detached: true });
  child.on("spawn", () => console.log("ready"));`;

let parent: ChildProcess | undefined;
let known: ProcessFacts[] = [];

afterEach(async () => {
  parent?.kill("SIGKILL");
  await ensureGone(known, 0);
});

test("what a process left behind is found beforehand and ended, and nothing else", async () => {
  parent = spawn(process.execPath, ["-e", PARENT], { stdio: ["ignore", "pipe", "inherit"] });
  await once(parent.stdout as NodeJS.ReadableStream, "data");
  known = await descendantsOf(parent.pid ?? 0);
  expect(known).toHaveLength(1);
  const mine = await descendantsOf(process.pid);
  expect(mine.map(({ pid }) => pid)).toEqual(expect.arrayContaining([parent.pid, known[0]?.pid]));
  parent.kill("SIGKILL");
  await once(parent, "exit");
  expect(isRunning(known[0]?.pid ?? 0)).toBe(true);
  const replaced = { pid: process.pid, parentPid: 0, startTime: "another process had this id" };
  await ensureGone([...known, replaced], 50);
  while (isRunning(known[0]?.pid ?? 0)) await new Promise((resolve) => setTimeout(resolve, 10));
});
