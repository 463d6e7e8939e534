/**
 * The head process: keeps the cluster's state, starts workers, serves the panel. It runs no user code, so it answers
 * whatever driver and workers do, and it ends with its driver.
 */
import { rmSync } from "node:fs";
import { workerIdOf } from "../protocol/ids.ts";
import type { FromHead } from "../protocol/messages.ts";
import { HEAD_OPTIONS_VARIABLE, type HeadOptions, headAddress, viewAddress } from "./options.ts";
import { WorkerProcesses } from "./worker-processes.ts";

type Welcome = Extract<FromHead, { type: "welcome" }>;

const options = JSON.parse(process.env[HEAD_OPTIONS_VARIABLE] ?? "{}") as HeadOptions;
// The first workers boot while this process loads the rest of its own program.
const processes = new WorkerProcesses(options.directory);
for (let number = 1; number <= options.prestart; number++) processes.start(workerIdOf(number));

const [
  { PROTOCOL_VERSION },
  { Cluster },
  { listenForClients },
  { listenForViews },
  { Arena },
  { HeadHttp },
  { HeadLog },
] = await Promise.all([
  import("../protocol/messages.ts"),
  import("./cluster.ts"),
  import("./control-server.ts"),
  import("./view-server.ts"),
  import("../store/index.ts"),
  import("./head-http.ts"),
  import("./head-log.ts"),
]);

async function main(): Promise<void> {
  const cluster = new Cluster(options, processes);
  const http = new HeadHttp({ cluster, options, log: new HeadLog() });
  let isEnding = false;
  const end = (exitCode: number): void => {
    if (isEnding) return;
    isEnding = true;
    cluster.close();
    http.close();
    rmSync(options.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 10 });
    process.exit(exitCode);
  };
  // Standard input is a pipe from the driver: its end is the driver's, however that came about.
  process.stdin.resume();
  process.stdin.once("close", () => end(0));
  process.stdin.once("error", () => end(0));
  // A terminal's Ctrl+C is for the driver, which decides.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => end(0));
  process.on("SIGHUP", () => end(0));
  process.on("uncaughtException", (error) => {
    process.stderr.write(`The head of the cluster failed: ${error.stack ?? String(error)}\n`);
    end(1);
  });

  let welcomeAll: (welcome: Welcome) => void = () => {};
  const welcome = new Promise<Welcome>((resolve) => {
    welcomeAll = resolve;
  });
  await listenForClients(cluster, headAddress(options.directory), {
    welcome: () => welcome,
    openHttp: () => http.open(),
    onDriverGone: () => end(0),
  });
  cluster.apply({ type: "workers-wanted", count: options.prestart });
  const { clusterId } = options;
  const arena = Arena.create({ clusterId, capacityBytes: options.objectStoreBytes, ownerPid: process.pid });
  cluster.useArena(arena);
  await listenForViews(cluster, clusterId, viewAddress(options.directory));
  welcomeAll({
    type: "welcome",
    protocol: PROTOCOL_VERSION,
    clusterId,
    arena: arena.directory,
    viewAddress: viewAddress(options.directory),
    capacityBytes: cluster.capacityBytes,
  });
}

await main();
