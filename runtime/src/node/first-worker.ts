/** What this head process was told, and the first worker, which boots while the head loads the rest of its program. */
import { workerIdOf } from "../protocol/ids.ts";
import { type HeadOptions, takeHeadOptions } from "./options.ts";
import { WorkerProcesses } from "./worker-processes.ts";

export const options: HeadOptions = takeHeadOptions();
export const processes: WorkerProcesses = new WorkerProcesses(options.directory);

/** Workers that start now. The others wait (see `Cluster`): started together, all would be slow, and so would the first result. */
export const first: number = Math.min(1, options.prestart);
if (first > 0) processes.start(workerIdOf(first));
