// One run of the core suite on plain worker threads, called in turn: prints {"row": {"value", "result"}} as JSON.
import { Worker } from "node:worker_threads";
import { measure } from "./threads/measure.mjs";

const [cpus, windowMs] = process.argv.slice(2).map(Number);
const threads = Array.from({ length: cpus }, startThread);
let next = 0;
let nextId = 0;

function startThread() {
  const thread = new Worker(new URL("threads/worker.mjs", import.meta.url));
  const waiting = new Map();
  thread.on("message", ({ id, result }) => {
    waiting.get(id)(result);
    waiting.delete(id);
  });
  return { thread, waiting };
}

function call(name, ...args) {
  const { thread, waiting } = threads[next++ % cpus];
  const id = nextId++;
  return new Promise((resolve) => {
    waiting.set(id, resolve);
    thread.postMessage({ id, name, args });
  });
}

const rows = await measure(call, windowMs);
await Promise.all(threads.map(({ thread }) => thread.terminate()));
console.log(JSON.stringify(rows));
