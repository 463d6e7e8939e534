/**
 * Finds the hub of this user in a Ray cluster, or starts it: a small Python program that runs as a job and gives each driver
 * a session. Nothing is installed on the cluster: the program travels as the job's working directory.
 */
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectionFailedError } from "../../errors.ts";
import { REMOTE_PATH } from "../../protocol/remote.ts";
import type { DialTarget } from "../remote/dialer.ts";
import { hubSecret, secretHash } from "./hub-secret.ts";
import { type JobDetails, JobsApi } from "./jobs-api.ts";
import { fingerprintOf, packageFiles } from "./package-files.ts";
import { ensurePackage } from "./package-upload.ts";
import type { RayOptions } from "./ray-options.ts";

/** The oldest one that the tests run with. */
export const OLDEST_RAY = "2.58.0";
/** Where the hub listens if it can: a port that is known can be forwarded ahead. */
export const HUB_PORT = 8275;
const START_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 150;
/** Ray takes so long, at most, to notice that a job was killed. */
const NOTICED_WITHIN_MS = 5_000;
const CONNECT_WITHIN_MS = 2_000;
/** Of a hub that ends without a word. */
const MOST_STARTS = 3;
/** A machine that was asked by this name listens for itself only. */
const LOOPBACK = /^(localhost|127\.[\d.]+|\[::1\])$/i;

/** @throws ConnectionFailedError that says what is wrong and what to do */
export async function openHub(options: RayOptions): Promise<DialTarget> {
  const api = new JobsApi(options);
  const { rayVersion, session } = await api.version();
  if (isOlder(rayVersion, OLDEST_RAY)) {
    const text = `it runs Ray ${rayVersion}: this version of Mobula needs Ray ${OLDEST_RAY} or newer`;
    throw new ConnectionFailedError(options.address, text);
  }
  const files = packageFiles();
  const fingerprint = fingerprintOf(files);
  const secret = hubSecret(options.secrets, session);
  const host = LOOPBACK.test(options.host) ? "127.0.0.1" : "0.0.0.0";
  const name = `mobula-hub-${secretHash(`${fingerprint} ${secret} ${host}`).slice(0, 16)}`;
  const start = async (id: string): Promise<void> => {
    const archive = await ensurePackage(api, files);
    const limits = `--port ${HUB_PORT} --idle-s ${options.idleMs / 1_000}`;
    const entrypoint = `python -m mobula_ray.hub --secret-sha256 ${secretHash(secret)} --host ${host} ${limits}`;
    const runtimeEnv = { working_dir: `gcs://${archive}` };
    await api.submit({ id, entrypoint, runtimeEnv, metadata: { mobula: "hub" } });
  };
  const { id, place } = await runningHub(api, name, options, start);
  return {
    url: `ws://${place}${REMOTE_PATH}`,
    token: secret,
    fix: `the hub in the cluster listens at ${place}; forward that port too, or name where it is reached in MOBULA_RAY_HUB`,
    goneFor: () => goneFor(api, id, options.address),
  };
}

interface RunningHub {
  /** Of its job. */
  readonly id: string;
  /** Where it listens: `host:port`. */
  readonly place: string;
}

/**
 * The hub of that name. One that ended, or that ends just now, gets a successor: a few times, as it may be what it is started
 * with that ends it.
 */
async function runningHub(
  api: JobsApi,
  name: string,
  options: RayOptions,
  start: (id: string) => Promise<void>,
): Promise<RunningHub> {
  const deadline = performance.now() + START_WITHIN_MS;
  const at = (id: string, port: number): RunningHub => ({ id, place: options.hub ?? `${options.host}:${port}` });
  for (let starts = 0; ; ) {
    const [number, latest] = await latestJob(api, name);
    let id = `${name}-${number}`;
    let job = latest;
    if (job?.status === "RUNNING") {
      const port = await portOf(api, id, options.address, deadline);
      const known = typeof port === "number" ? at(id, port) : undefined;
      if (known !== undefined && (await isListening(known.place))) return known;
      job = await untilOver(api, id);
    }
    if (job === undefined || isOver(job)) {
      id = `${name}-${number + 1}`;
      await start(id);
      starts += 1;
    }
    const found = await portOf(api, id, options.address, deadline);
    if (typeof found === "number") return at(id, found);
    const { reason, isFinal } = await whyItEnded(api, id, found);
    if (isFinal || starts >= MOST_STARTS) throw new ConnectionFailedError(options.address, reason);
  }
}

/**
 * The last of the jobs `name-1`, `name-2` … and its number; 0 when there is none. A job's id is not used again: for a while Ray
 * takes the end of the old one for the end of the new one.
 */
async function latestJob(api: JobsApi, name: string): Promise<readonly [number: number, job: JobDetails | undefined]> {
  let known: readonly [number, JobDetails | undefined] = [0, undefined];
  let missing = 1;
  for (;;) {
    const job = await api.job(`${name}-${missing}`);
    if (job === undefined) break;
    known = [missing, job];
    missing *= 2;
  }
  while (missing - known[0] > 1) {
    const middle = Math.floor((missing + known[0]) / 2);
    const job = await api.job(`${name}-${middle}`);
    if (job === undefined) missing = middle;
    else known = [middle, job];
  }
  return known;
}

/** The port that the hub says it has, as soon as it runs; the job, when it is over before. */
async function portOf(api: JobsApi, id: string, address: string, deadline: number): Promise<number | JobDetails> {
  while (performance.now() < deadline) {
    const job = await api.job(id);
    const port = /^MOBULA_HUB \{"port": (\d+)\}$/m.exec(await api.logs(id))?.[1];
    if (job !== undefined && isOver(job)) return job;
    if (port !== undefined) return Number(port);
    await sleep(LOOK_EVERY_MS);
  }
  const text = `its hub has not started within ${START_WITHIN_MS / 1_000} s: look at the job ${id} in the dashboard`;
  throw new ConnectionFailedError(address, text);
}

/** False when nobody takes connections there; who does not answer at all may be behind a slow network. */
function isListening(place: string): Promise<boolean> {
  const { hostname, port } = new URL(`ws://${place}`);
  return new Promise((done) => {
    const socket = connect(Number(port), hostname.replace(/^\[|\]$/g, ""));
    const over = (isThere: boolean): void => {
      socket.destroy();
      done(isThere);
    };
    socket.setTimeout(CONNECT_WITHIN_MS, () => over(true));
    socket.once("connect", () => over(true));
    socket.once("error", (error: Error & { code?: string }) => over(error.code !== "ECONNREFUSED"));
  });
}

/** A hub that takes no connections was killed, and Ray is about to notice; or its port is not forwarded. */
async function untilOver(api: JobsApi, id: string): Promise<JobDetails | undefined> {
  const deadline = performance.now() + NOTICED_WITHIN_MS;
  for (;;) {
    const job = await api.job(id);
    if (job === undefined || isOver(job) || performance.now() > deadline) return job;
    await sleep(LOOK_EVERY_MS);
  }
}

/** `isFinal`: it says itself why it cannot run here. */
async function whyItEnded(
  api: JobsApi,
  id: string,
  { message, status }: JobDetails,
): Promise<{ readonly reason: string; readonly isFinal: boolean }> {
  const log = await api.logs(id);
  const problem = /^MOBULA_HUB_PROBLEM (.*)$/m.exec(log)?.[1];
  const lines = log.trim().split("\n").slice(-3).join(" | ");
  const reason = problem ?? `its hub has ended (${status}): ${lines || message || "look at the dashboard"}`;
  return { reason, isFinal: problem !== undefined };
}

/** Why a driver need not try again: the head has gone, or the hub has. */
async function goneFor(api: JobsApi, id: string, address: string): Promise<string | undefined> {
  try {
    const job = await api.job(id);
    if (job !== undefined && !isOver(job)) return undefined;
    return `the hub of ${address} has ended, and what this driver had in the cluster is gone`;
  } catch (error) {
    // Any other trouble may pass.
    if (!/nothing listens there/.test((error as Error).message)) return undefined;
    return `the head of ${address} has ended, and what this driver had in the cluster is gone`;
  }
}

export function isOver({ status }: JobDetails): boolean {
  return status === "STOPPED" || status === "SUCCEEDED" || status === "FAILED";
}

/** @param version - as `2.60.0`; what follows the numbers (`rc0`, `.dev1`) does not count. */
export function isOlder(version: string, than: string): boolean {
  const left = numbersOf(version);
  const right = numbersOf(than);
  const at = right.findIndex((number, index) => (left[index] ?? 0) !== number);
  return at >= 0 && (left[at] ?? 0) < (right[at] ?? 0);
}

function numbersOf(version: string): number[] {
  return version
    .split(".")
    .slice(0, 3)
    .map((part) => Number.parseInt(part, 10) || 0);
}
