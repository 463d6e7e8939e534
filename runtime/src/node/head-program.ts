/**
 * The head process: keeps the cluster's state, starts workers, serves the panel. It runs no user code, so it answers
 * whatever drivers and workers do. It ends with its driver, unless it stands on its own.
 */
import { rmSync } from "node:fs";
import { DRIVER_ID } from "../protocol/ids.ts";
import { type FromHead, PROTOCOL_VERSION } from "../protocol/messages.ts";
import { Arena, markOwner, sweepStaleArenas } from "../store/index.ts";
import { Cluster } from "./cluster.ts";
import { ControlServer } from "./control-server.ts";
import { first, options, processes } from "./first-worker.ts";
import { HeadHttp } from "./head-http.ts";
import { HeadLog } from "./head-log.ts";
import { driverViewAddress, headAddress, type StandingOptions, viewAddress } from "./options.ts";
import { ViewServer } from "./view-server.ts";

/** What clusters left that were killed as a whole is removed when this one is up. */
const SWEEP_AFTER_MS = 1_000;

type Welcome = Extract<FromHead, { type: "welcome" }>;

async function main(): Promise<void> {
  const { standing, directory, clusterId } = options;
  const log = new HeadLog(standing === undefined ? undefined : (line) => void process.stderr.write(line));
  const cluster = new Cluster(options, processes, (text) => log.write(text));
  const http = new HeadHttp({ cluster, options, log });
  const arenaReady = deferred<Welcome>();
  const views = new ViewServer(cluster, clusterId);
  const clients = new ControlServer(cluster, {
    welcome: () => arenaReady.promise,
    openHttp: () => http.open(),
    onDriver: (driver) => {
      if (standing === undefined) return;
      const listening = views.listen(driverViewAddress(directory, driver), driver);
      listening.catch((error: unknown) => log.write(`no panels for ${driver}: ${String(error)}`));
    },
    onDriverGone: (driver) => {
      if (standing === undefined) {
        if (driver === DRIVER_ID) end(0);
      } else views.close(driverViewAddress(directory, driver));
    },
    log: (text) => log.write(text),
  });

  let isAnnounced = false;
  let isEnding = false;
  const end = (exitCode: number): void => {
    if (isEnding) return;
    isEnding = true;
    if (standing !== undefined && isAnnounced) rmSync(standing.discoveryFile, { force: true });
    cluster.close();
    http.close();
    rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 10 });
    process.exit(exitCode);
  };
  const stop = (): void => void clients.close("the cluster was stopped").finally(() => end(0));

  process.on("uncaughtException", (error) => {
    process.stderr.write(`The head of the cluster failed: ${error.stack ?? String(error)}\n`);
    end(1);
  });
  process.on("SIGTERM", stop);
  process.on("SIGHUP", stop);
  if (standing === undefined) {
    // Standard input is a pipe from the driver: its end is the driver's, however that came about.
    process.stdin.resume();
    process.stdin.once("close", () => end(0));
    process.stdin.once("error", () => end(0));
    // A terminal's Ctrl+C is for the driver, which decides.
    process.on("SIGINT", () => {});
  } else {
    process.on("SIGINT", stop);
  }

  await clients.listen(headAddress(directory));
  cluster.apply({ type: "workers-wanted", count: first });
  markOwner(directory);
  const arena = Arena.create({ clusterId, capacityBytes: options.objectStoreBytes, ownerPid: process.pid });
  cluster.useArena(arena);
  await views.listen(viewAddress(directory));
  arenaReady.resolve({
    type: "welcome",
    protocol: PROTOCOL_VERSION,
    clusterId,
    arena: arena.directory,
    spillDirectory: cluster.spillDirectory,
    viewAddress: viewAddress(directory),
    capacityBytes: cluster.capacityBytes,
  });
  setTimeout(() => {
    sweepStaleArenas();
    if (options.spillDirectory !== undefined) sweepStaleArenas(options.spillDirectory);
  }, SWEEP_AFTER_MS).unref();
  if (standing === undefined) return;
  isAnnounced = await announce(standing, arena.directory, http);
  if (!isAnnounced) {
    process.stderr.write(`A cluster called '${standing.name}' runs already.\n`);
    end(1);
  }
}

/** @returns false when a cluster of that name is there already. */
async function announce(standing: StandingOptions, arena: string, http: HeadHttp): Promise<boolean> {
  const [{ publishDiscovery }, { processStamp }, { VERSION }] = await Promise.all([
    import("./discovery.ts"),
    import("../store/process-stamp.ts"),
    import("../version.ts"),
  ]);
  const { clusterId, directory } = options;
  const { name, discoveryFile, logFile } = standing;
  const facts = { name, clusterId, directory, arena, logFile, startedAtMs: Date.now(), version: VERSION };
  return publishDiscovery({ ...facts, head: processStamp(process.pid), ...(await http.open()) }, discoveryFile);
}

function deferred<Value>(): { readonly promise: Promise<Value>; resolve(value: Value): void } {
  let resolve: (value: Value) => void = () => {};
  const promise = new Promise<Value>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

await main();
