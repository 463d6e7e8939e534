/** The thread that helps with large copies. */
import { workerData } from "node:worker_threads";
import { CopyJob } from "./copy-job.ts";
import { prepareCopies } from "./memory-map.ts";

prepareCopies();
new CopyJob(workerData as SharedArrayBuffer).help();
