import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { LogFile, logBytes, readLog } from "../../../runtime/src/node/log-file.ts";
import { workerLogPath } from "../../../runtime/src/node/options.ts";
import { WorkerLogs } from "../../../runtime/src/node/worker-logs.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "logs-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

describe("the log of a worker", () => {
  it("keeps what was printed, with its task and stream", () => {
    const path = join(folder(), "w1.log");
    const log = new LogFile(path);
    log.add("stdout", "a", { task: "d.1", name: "f", cellId: "c" });
    log.add("stdout", "b\n", { task: "d.1", name: "f", cellId: "c" });
    log.add("stderr", "c\n", { task: "d.1" });
    log.add("stderr", "d\n", { task: "d.2" });
    log.flush();
    const records = readLog(path).map((record) => ({ ...record, atMs: 0 }));
    expect(records).toEqual([
      { number: 1, atMs: 0, stream: "stdout", text: "ab\n", task: "d.1", name: "f", cellId: "c" },
      { number: 2, atMs: 0, stream: "stderr", text: "c\n", task: "d.1" },
      { number: 3, atMs: 0, stream: "stderr", text: "d\n", task: "d.2" },
    ]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("stays within its size, and keeps the newest", () => {
    const path = join(folder(), "w1.log");
    const log = new LogFile(path, 10_000);
    for (let index = 0; index < 1_000; index++) {
      log.add("stdout", `line ${index} ${"x".repeat(100)}\n`, { task: `d.${index}` });
      log.flush();
      expect(logBytes(path)).toBeLessThanOrEqual(20_000);
    }
    const records = readLog(path);
    expect(records.at(-1)?.text).toMatch(/^line 999 /);
    expect(records.length).toBeGreaterThan(40);
    expect(records.map(({ number }) => number)).toEqual(records.map((_, index) => 1_000 - records.length + index + 1));
  });

  it("costs no error when its folder is gone", () => {
    const log = new LogFile(join(folder(), "gone", "w1.log"));
    log.add("stdout", "lost\n", {});
    expect(() => log.flush()).not.toThrow();
  });
});

describe("the logs of a cluster", () => {
  it("are read on from where one has stopped, raw output among them", () => {
    const directory = folder();
    const logs = new WorkerLogs(directory);
    const captured = new LogFile(workerLogPath(directory, "w1"));
    captured.add("stdout", "one\ntwo\n", { task: "d.1" });
    captured.flush();
    logs.addRaw("w1", "stderr", "crash\n");
    const workers = [{ id: "w1", pid: 7 }];
    const first = logs.read(workers, "", () => true);
    expect(first.lines.map(({ text }) => text).toSorted()).toEqual(["crash", "one", "two"]);
    expect(first.lines.find(({ text }) => text === "crash")).toMatchObject({ stream: "stderr", worker: "w1", pid: 7 });
    expect(logs.read(workers, first.cursor, () => true).lines).toEqual([]);
    captured.add("stdout", "three\n", { task: "d.2" });
    captured.flush();
    expect(logs.read(workers, first.cursor, () => true).lines).toMatchObject([{ text: "three", task: "d.2" }]);
    expect(logs.read(workers, "", ({ task }) => task === "d.1").lines.map(({ text }) => text)).toEqual(["one", "two"]);
  });

  it("of workers that ended long ago go", () => {
    const directory = folder();
    const logs = new WorkerLogs(directory);
    for (let number = 1; number <= 60; number++) {
      logs.addRaw(`w${number}`, "stdout", "x\n");
      logs.ended(`w${number}`);
    }
    expect(logs.endedWorkers).toHaveLength(50);
    expect(logs.sizeBytes("w1")).toBe(0);
    expect(logs.sizeBytes("w60")).toBeGreaterThan(0);
  });
});
