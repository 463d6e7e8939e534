/**
 * Finds the clusters that run on this machine and asks them: over the unix socket in a cluster's folder, which only its
 * user can open, or over HTTP with a token where an address is given.
 */
import { existsSync, readdirSync, statSync } from "node:fs";
import { request } from "node:http";
import { request as requestTls } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { JobsApi } from "../engine/ray/jobs-api.ts";
import { isRayAddress, parseRayAddress } from "../engine/ray/ray-address.ts";
import { RayStateApi } from "../engine/ray/ray-state-api.ts";
import { rayToken } from "../engine/ray/ray-token.ts";
import { ConnectionFailedError, errorFromWire, hasCode, type WireError } from "../errors.ts";
import { listClusters, readDiscovery } from "../node/discovery.ts";
import { socketRoot, viewAddress } from "../node/options.ts";
import type { ClusterDescription } from "../protocol/messages.ts";
import type { FollowedLines, StateParameters, StateRoute, StateRoutes } from "../protocol/state.ts";
import { CommandError, EXIT_CODES, type OptionsConfig, type OptionValues, textOf, usageError } from "./command.ts";

/** A cluster whose head is asked over HTTP, on the port that drivers connect to. */
const REMOTE = /^(?:mobula|http)s?:\/\//;
const ANSWER_WITHIN_MS = 30_000;
/** A head that runs answers at once; a folder without one refuses the connection. */
const HELLO_WITHIN_MS = 2_000;
const FOLLOW_EVERY_MS = 250;
const FOLLOW_LINES = "10000";

/** A cluster to ask. */
export interface ClusterSource {
  read<Route extends StateRoute>(route: Route, parameters?: StateParameters): Promise<StateRoutes[Route]>;
  /** The last lines of logs, then new ones as they come, until the cluster has ended. @param limit - of the first lines */
  followLogs(parameters: StateParameters): AsyncIterable<FollowedLines>;
}

export const ADDRESS_OPTIONS: OptionsConfig = { address: { type: "string" }, json: { type: "boolean" } };

/** For help texts. */
export const ADDRESS_HELP = `      --address CLUSTER  id, name, pid or file of a cluster on this machine, or mobula://HOST:PORT with the token in
                         MOBULA_TOKEN, or ray://HOST:8265 with Ray's token; needed when several run. Default: the
                         environment variable MOBULA_ADDRESS
      --json             print JSON instead of a table
  -h, --help             show this help`;

/** @throws CommandError when no cluster runs, several do, or none is the one asked for. */
export async function findCluster(values: OptionValues): Promise<ClusterSource> {
  const address = textOf(values, "address") ?? process.env["MOBULA_ADDRESS"];
  if (address !== undefined && REMOTE.test(address)) {
    return httpSource(address.replace(/^mobula/, "http"), process.env["MOBULA_TOKEN"] ?? "");
  }
  if (address !== undefined && isRayAddress(address)) return raySource(address);
  const found = await runningClusters();
  const isAny = address === undefined || address === "local" || address === "auto";
  const wanted = isAny ? found : found.filter((each) => isNamed(each, address));
  const [only, ...others] = wanted;
  if (only !== undefined && others.length === 0) return socketSource(viewAddress(only.directory));
  if (only !== undefined) {
    const list = wanted.map(({ description }) => `  ${describe(description)}`).join("\n");
    throw usageError(`Several clusters run; choose one with '--address ID':\n${list}`);
  }
  if (address !== undefined && found.length > 0) {
    const list = found.map(({ description }) => `  ${describe(description)}`).join("\n");
    throw usageError(`No cluster is called '${address}'. These run:\n${list}`);
  }
  const start = "start one with init() in a program or notebook, or with 'mobula start'";
  throw new CommandError(EXIT_CODES.failed, `No cluster runs on this machine; ${start}.`);
}

interface RunningCluster {
  readonly directory: string;
  readonly description: ClusterDescription;
}

function isNamed({ directory, description }: RunningCluster, address: string): boolean {
  const { id, name, pid } = description;
  if ([id, name, String(pid), directory].includes(address)) return true;
  return address.includes("/") && existsSync(address) && readDiscovery(address)?.directory === directory;
}

function describe({ id, name, pid, startedAtMs }: ClusterDescription): string {
  const called = name === undefined ? "" : ` '${name}'`;
  return `${id}${called}, head process ${pid}, since ${new Date(startedAtMs).toLocaleString("sv")}`;
}

/** Clusters of this user, oldest first. */
async function runningClusters(): Promise<RunningCluster[]> {
  const directories = new Set([...clusterDirectories(socketRoot()), ...standingDirectories()]);
  const found = await Promise.all(
    [...directories].map(async (directory) => {
      try {
        const description = await askSocket(viewAddress(directory), "cluster", {}, HELLO_WITHIN_MS);
        return [{ directory, description }];
      } catch {
        // Left by a cluster that was killed, or of somebody else.
        return [];
      }
    }),
  );
  return found.flat().sort((a, b) => a.description.startedAtMs - b.description.startedAtMs);
}

/** Those of standing clusters, which may have been started with another folder for temporary files. */
function standingDirectories(): string[] {
  try {
    return listClusters().map(({ directory }) => directory);
  } catch {
    // No folder of one's own for standing clusters: then there are none.
    return [];
  }
}

function clusterDirectories(root: string): string[] {
  return readdirSync(root)
    .filter((name) => name.startsWith("mobula-"))
    .map((name) => join(root, name))
    .filter(hasViewSocket);
}

function hasViewSocket(directory: string): boolean {
  try {
    return statSync(viewAddress(directory), { throwIfNoEntry: false })?.isSocket() === true;
  } catch {
    // A folder of somebody else.
    return false;
  }
}

function socketSource(path: string): ClusterSource {
  return readSource((route, parameters = {}) => askSocket(path, route, parameters, ANSWER_WITHIN_MS));
}

function askSocket<Route extends StateRoute>(
  path: string,
  route: Route,
  parameters: StateParameters,
  withinMs: number,
): Promise<StateRoutes[Route]> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.setTimeout(withinMs, () => socket.destroy(new Error("The cluster does not answer.")));
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("The cluster has ended.")));
    createInterface({ input: socket })
      .on("line", (line) => {
        const { answer, error } = JSON.parse(line) as { answer?: StateRoutes[Route]; error?: WireError };
        if (error === undefined) resolve(answer as StateRoutes[Route]);
        else reject(errorFromWire(error));
        socket.destroy();
      })
      .on("error", reject);
    socket.write(`${JSON.stringify({ type: "query-state", id: 1, route, parameters })}\n`);
  });
}

/** Asks Ray's dashboard: no hub and no session are needed to look. */
async function raySource(address: string): Promise<ClusterSource> {
  return await clearly(async () => {
    const api = new JobsApi({ address, ...parseRayAddress(address), token: rayToken(process.env) });
    // What is wrong with the address or the token shows here.
    await api.version();
    const state = new RayStateApi(api);
    return {
      read: (route, parameters = {}) => clearly(() => state.read(route, parameters)),
      followLogs: (parameters) => untilGone(address, state.followLogs(parameters)),
    };
  });
}

/** A cluster that cannot be reached is no fault of this program's. */
async function clearly<Result>(act: () => Promise<Result>): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof ConnectionFailedError) throw new CommandError(EXIT_CODES.failed, error.message);
    throw error;
  }
}

/** A dashboard that does not answer any more does not say why. */
async function* untilGone(address: string, lines: AsyncIterable<FollowedLines>): AsyncGenerator<FollowedLines> {
  let hasBegun = false;
  try {
    for await (const each of lines) {
      hasBegun = true;
      yield each;
    }
  } catch (error) {
    if (!(error instanceof ConnectionFailedError)) throw error;
    const gone = `${address} does not answer any more: the cluster has ended, or the way to it is cut.`;
    throw new CommandError(EXIT_CODES.failed, hasBegun ? gone : error.message);
  }
}

function httpSource(address: string, token: string): ClusterSource {
  return readSource(async (route, parameters = {}) => {
    const query = new URLSearchParams(parameters).toString();
    const { status, body } = await getJson(new URL(`/api/v1/${route}?${query}`, address), token);
    if (status === 200) return body as StateRoutes[typeof route];
    const { message = `status ${status}` } = (body as { error?: { message?: string } }).error ?? {};
    throw new CommandError(EXIT_CODES.failed, `${address} refuses: ${message}.`);
  });
}

/** A cluster of our own: each answer says where the next one begins. */
function readSource(read: ClusterSource["read"]): ClusterSource {
  return { read, followLogs: (parameters) => followLogs(read, parameters) };
}

async function* followLogs(read: ClusterSource["read"], parameters: StateParameters): AsyncGenerator<FollowedLines> {
  let lines = await read("logs/tail", parameters);
  for (;;) {
    yield lines;
    await sleep(FOLLOW_EVERY_MS);
    try {
      lines = await read("logs/tail", { ...parameters, after: lines.cursor, limit: FOLLOW_LINES });
    } catch (error) {
      if (hasCode(error, "UNSUPPORTED")) throw error;
      return;
    }
  }
}

function getJson(url: URL, token: string): Promise<{ readonly status: number; readonly body: unknown }> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(new CommandError(EXIT_CODES.failed, `No cluster answers at ${url.origin}: ${error.message}.`));
    const call = (url.protocol === "https:" ? requestTls : request)(
      url,
      { headers: { authorization: `Bearer ${token}` } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.once("error", fail);
        response.once("end", () => {
          try {
            const body = JSON.parse(Buffer.concat(chunks).toString("utf8")) as unknown;
            resolve({ status: response.statusCode ?? 0, body });
          } catch (error) {
            fail(error as Error);
          }
        });
      },
    );
    call.setTimeout(ANSWER_WITHIN_MS, () => call.destroy(new Error("it takes too long")));
    call.once("error", fail);
    call.end();
  });
}
