/** What this worker process was told, and its connection to the head. */
import { HeadLink } from "../engine/local/head-link.ts";
import { WORKER_OPTIONS_VARIABLE, type WorkerOptions } from "../node/options.ts";
import { type ClientId, clientOfWorker, type WorkerId } from "../protocol/ids.ts";

export const options: WorkerOptions = JSON.parse(process.env[WORKER_OPTIONS_VARIABLE] ?? "{}") as WorkerOptions;
// Child processes of user code are not workers.
delete process.env[WORKER_OPTIONS_VARIABLE];

const { workerId, directory, headPid } = options;
export const clientId: ClientId = clientOfWorker(workerId as WorkerId);
export const link: HeadLink = new HeadLink("worker", clientId, directory, { headPid });
