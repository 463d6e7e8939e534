/**
 * Finds the hub of this user in a Ray cluster, or starts it: a small Python program that runs as a job and gives each driver
 * a session. Nothing is installed on the cluster: the program travels as the job's working directory.
 */
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectionFailedError } from "../../errors.ts";
import { REMOTE_PATH } from "../../protocol/remote.ts";
import type { DialTarget } from "../remote/dialer.ts";
import { hubSecret, secretHash } from "./hub-secret.ts";
import { type JobDetails, JobsApi } from "./jobs-api.ts";
import { fingerprintOf, packageFiles } from "./package-files.ts";
import type { RayOptions } from "./ray-options.ts";
import { zip } from "./zip.ts";

/** The one that the tests run with. */
export const OLDEST_RAY = "2.60.0";
/** Where the hub listens if it can: a port that is known can be forwarded ahead. */
export const HUB_PORT = 8275;
const START_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 150;
/** Ray takes so long, at most, to notice that a job was killed. */
const NOTICED_WITHIN_MS = 5_000;
const CONNECT_WITHIN_MS = 2_000;
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
  const id = `mobula-hub-${secretHash(`${fingerprint} ${secret} ${host}`).slice(0, 16)}`;
  const findPlace = async (): Promise<string> =>
    options.hub ?? `${options.host}:${await portOf(api, id, options.address)}`;
  let job = await api.job(id);
  if (job?.status === "RUNNING" && !(await isListening(await findPlace()))) job = await untilOver(api, id);
  if (job === undefined || isOver(job)) {
    if (job !== undefined) await api.delete(id);
    const name = `_ray_pkg_${fingerprint}.zip`;
    if (!(await api.hasPackage(name))) await api.upload(name, zip(files));
    const run = randomBytes(4).toString("hex");
    const limits = `--port ${HUB_PORT} --idle-s ${options.idleMs / 1_000} --run ${run}`;
    const entrypoint = `python -m mobula_ray.hub --secret-sha256 ${secretHash(secret)} --host ${host} ${limits}`;
    await api.submit(id, entrypoint, { working_dir: `gcs://${name}` });
  }
  const place = await findPlace();
  return {
    url: `ws://${place}${REMOTE_PATH}`,
    token: secret,
    fix: `the hub in the cluster listens at ${place}; forward that port too, or name where it is reached in MOBULA_RAY_HUB`,
    goneFor: () => goneFor(api, id, options.address),
  };
}

/** The port that the hub says it has, as soon as it runs. */
async function portOf(api: JobsApi, id: string, address: string): Promise<number> {
  const deadline = performance.now() + START_WITHIN_MS;
  while (performance.now() < deadline) {
    const job = await api.job(id);
    const port = /^\{"port": (\d+)\}$/.exec(await toldBy(api, id, job))?.[1];
    if (port !== undefined) return Number(port);
    if (job !== undefined && isOver(job)) throw new ConnectionFailedError(address, await whyItEnded(api, id, job));
    await sleep(LOOK_EVERY_MS);
  }
  const text = `its hub has not started within ${START_WITHIN_MS / 1_000} s: look at the job ${id} in the dashboard`;
  throw new ConnectionFailedError(address, text);
}

/** What the hub of this job says of itself; hubs before it have written into the same log. */
async function toldBy(api: JobsApi, id: string, job: JobDetails | undefined): Promise<string> {
  const run = / --run ([0-9a-f]+)$/.exec(job?.entrypoint ?? "")?.[1];
  const log = run === undefined ? "" : await api.logs(id);
  return new RegExp(`^MOBULA_HUB (.*) ${run}$`, "m").exec(log)?.[1] ?? "";
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

async function whyItEnded(api: JobsApi, id: string, { message, status }: JobDetails): Promise<string> {
  const log = await api.logs(id);
  const problem = /^MOBULA_HUB_PROBLEM (.*)$/m.exec(log)?.[1];
  const lines = log.trim().split("\n").slice(-3).join(" | ");
  return problem ?? `its hub has ended (${status}): ${lines || message || "look at the dashboard"}`;
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

function isOver({ status }: JobDetails): boolean {
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
