// A thread that answers calls by name: the least that a pool of plain worker threads needs.
import { parentPort } from "node:worker_threads";
import { echo, one } from "./work.mjs";

const work = { one, echo };
parentPort.on("message", ({ id, name, args }) => parentPort.postMessage({ id, result: work[name](...args) }));
