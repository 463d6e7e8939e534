/** What a job of Ray's prints, while it prints it. */
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { isOver } from "./hub.ts";
import type { JobDetails, JobsApi, JobsApiOptions } from "./jobs-api.ts";

/** A connection that was cut is made again after so long. */
const AGAIN_MS = 500;

/**
 * Call `onText` with all that the job has printed and will print, until it is over.
 *
 * @param signal - stops following; the job goes on.
 * @returns the job as it ended; undefined when it was not followed to its end.
 */
export async function followLog(
  api: JobsApi,
  options: JobsApiOptions,
  id: string,
  onText: (text: string) => void,
  signal: AbortSignal,
): Promise<JobDetails | undefined> {
  let printed = 0;
  const print = (text: string): void => {
    printed += text.length;
    if (text !== "") onText(text);
  };
  while (!signal.aborted) {
    // Each connection gives the log from its start.
    let seen = 0;
    await tail(options, id, signal, (text) => {
      const known = Math.min(text.length, Math.max(0, printed - seen));
      seen += text.length;
      print(text.slice(known));
    });
    const job = await api.job(id);
    if (job === undefined) return undefined;
    if (isOver(job)) {
      print((await api.logs(id)).slice(printed));
      return job;
    }
    await sleep(AGAIN_MS, undefined, { signal }).catch(() => {});
  }
  return undefined;
}

/** Until the other side closes the connection, or it is cut. */
function tail(
  { host, port, token }: JobsApiOptions,
  id: string,
  signal: AbortSignal,
  onText: (text: string) => void,
): Promise<void> {
  const url = `ws://${host}:${port}/api/jobs/${encodeURIComponent(id)}/logs/tail`;
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return new Promise((done) => {
    const socket = new WebSocket(url, { headers, perMessageDeflate: false });
    const end = (): void => socket.terminate();
    signal.addEventListener("abort", end, { once: true });
    socket.on("message", (bytes: Buffer) => onText(bytes.toString()));
    // What went wrong shows when the job is asked for.
    socket.on("error", () => {});
    socket.on("close", () => {
      signal.removeEventListener("abort", end);
      done();
    });
  });
}
