import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { isSameProcess, processStamp } from "../../../runtime/src/store/process-stamp.ts";

/** Ended by now. */
const gone = spawnSync(process.execPath, ["--version"]).pid;

it("a process that runs is the same, and one that has ended is not", () => {
  expect(isSameProcess(processStamp(process.pid))).toBe(true);
  expect(isSameProcess({ ...processStamp(process.pid), pid: gone })).toBe(false);
});

it("a later process of the same number is another one", () => {
  expect(isSameProcess({ pid: process.pid, startTicks: "1" })).toBe(false);
});

it("where the system does not tell when processes began, one that runs is taken for the same", () => {
  expect(isSameProcess({ pid: process.pid, startTicks: "" })).toBe(true);
  expect(isSameProcess({ pid: gone, startTicks: "" })).toBe(false);
});
