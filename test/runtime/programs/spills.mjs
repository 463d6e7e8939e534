// A driver whose objects fill the store and a folder of files; prints its head and workers, and stays.
import { cluster, init, put } from "mobula";

await init({ cpus: 1, objectStoreBytes: 32 * 1024 ** 2, spillDirectory: process.argv[2] });
globalThis.kept = Array.from({ length: 16 }, (_, tag) => put(new Float64Array(512 * 1024).fill(tag)));
const { pid, workers, objectStore } = await cluster();
const pids = [pid, ...workers.map((worker) => worker.pid).filter((each) => each > 0)];
process.stdout.write(`${JSON.stringify({ pids, arena: objectStore.directory, spilled: objectStore.spilledBytes })}\n`);
setInterval(() => {}, 1_000);
