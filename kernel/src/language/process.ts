/**
 * The language as a process that starts from a snapshot of V8's heap, in which TypeScript is loaded and compiled, and
 * the library files are parsed. This file runs once, when the snapshot is made (`scripts/lib/language-snapshot.mjs`);
 * processes begin with `main`.
 */
import { mkdtempSync, readdirSync, rmdirSync } from "node:fs";
import { setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { startupSnapshot } from "node:v8";
import type { FromLanguage, ToLanguage } from "./messages.ts";
import { NotebookLanguage, type NotebookLanguageOptions } from "./notebook-language.ts";
import { Practice, practiceSteps } from "./practice.ts";
import { serveLanguage, warmUp } from "./server.ts";

const directory = mkdtempSync(join(tmpdir(), "language-snapshot-"));
const sample = new NotebookLanguage({ directory });
for (const step of sample.warmUpSteps()) step();
rmdirSync(directory);
startupSnapshot.setDeserializeMainFunction(main);

/** Of 19. Threads that nobody waits for: V8 compiles in them what runs often. */
const NICENESS = 10;

function main(): void {
  const [, , options = "{}"] = process.argv;
  process.title = "mobula language";
  yieldToOthers();
  process.on("disconnect", () => process.exit(0));
  const language = new NotebookLanguage(JSON.parse(options) as NotebookLanguageOptions);
  const send = (message: FromLanguage): void => void process.send?.(message);
  // The sample has held the library files for the other one; now it is there to practise on.
  const practice = new Practice(practiceSteps(sample), () => sample.close());
  const handle = serveLanguage(language, send, () => practice.interrupt());
  process.on("message", (messages: readonly ToLanguage[]) => messages.forEach(handle));
  send({ type: "started" });
  warmUp([...language.warmUpSteps(), () => practice.start()]);
}

/**
 * With threads of V8 on all processors, each of the processes that a question goes through would wait for its turn:
 * the first completions took twice as long.
 */
function yieldToOthers(): void {
  if (process.platform !== "linux") return; // elsewhere priorities are for whole processes
  for (const thread of readdirSync("/proc/self/task").map(Number)) {
    try {
      if (thread !== process.pid) setPriority(thread, NICENESS);
    } catch {
      // It has ended, or a sandbox forbids it: then it is only slower.
    }
  }
}
