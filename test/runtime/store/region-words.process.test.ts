import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { PinReader, retract, SlotWords } from "../../../runtime/src/store/region-words.ts";

const PROGRAM = fileURLToPath(new URL("../programs/pins.mjs", import.meta.url));

it.runIf(process.platform === "linux")("a region that is taken away is seen by no process that pinned it", async () => {
  const directory = mkdtempSync(join(tmpdir(), "words-test-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const slots = SlotWords.create(directory, 1024);
  const memory = openSync(join(directory, "memory"), "w");
  const readers = ["a", "b"].map((name) => {
    const child = spawn(process.execPath, [PROGRAM, directory, name], { stdio: ["pipe", "pipe", "inherit"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    const lines: string[] = [];
    createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
    return { child, lines };
  });
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  while (readers.some(({ lines }) => lines.length < 1)) await turn();
  for (const { child } of readers) child.stdin.write("go\n");

  const pins = new PinReader(directory);
  let taken = 0;
  let refused = 0;
  let version = 1;
  writeSync(memory, Uint8Array.of(version), 0, 1, 0);
  slots.publish({ slot: 5, version });
  while (readers.some(({ lines }) => lines.length < 2)) {
    for (let attempt = 0; attempt < 50; attempt++) {
      if (!retract(slots, pins, { slot: 5, version })) {
        refused++;
        continue;
      }
      taken++;
      // Somebody else's bytes, and then the next version's.
      writeSync(memory, Uint8Array.of(99), 0, 1, 0);
      version = (version % 8) + 1;
      writeSync(memory, Uint8Array.of(version), 0, 1, 0);
      slots.publish({ slot: 5, version });
    }
    await turn();
  }
  pins.close();
  closeSync(memory);
  const seen = readers.map(({ lines }) => JSON.parse(lines[1] ?? "") as { pinned: number; wrong: number });
  expect(seen.map(({ wrong }) => wrong)).toEqual([0, 0]);
  expect(seen.every(({ pinned }) => pinned > 100)).toBe(true);
  expect(taken).toBeGreaterThan(100);
  expect(refused).toBeGreaterThan(0);
});
