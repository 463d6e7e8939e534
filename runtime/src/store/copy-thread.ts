/** The thread that helps with large copies. */
import { parentPort, workerData } from "node:worker_threads";
import { CopyJob } from "./copy-job.ts";
import { prepareCopies } from "./memory-map.ts";

prepareCopies();
parentPort?.postMessage("ready");
new CopyJob(workerData as SharedArrayBuffer).help();
