/**
 * The head process: keeps the cluster's state, starts workers, serves the panel. It runs no user code, so it answers
 * whatever driver and workers do, and it ends with its driver.
 */
import { rmSync } from "node:fs";
import { type FromHead, PROTOCOL_VERSION } from "../protocol/messages.ts";
import { Arena } from "../store/index.ts";
import { Cluster } from "./cluster.ts";
import { listenForClients } from "./control-server.ts";
import { HEAD_OPTIONS_VARIABLE, type HeadOptions, headAddress, viewAddress } from "./options.ts";
import { listenForViews } from "./view-server.ts";

async function main(options: HeadOptions): Promise<void> {
  const cluster = new Cluster(options);
  let isEnding = false;
  const end = (exitCode: number): void => {
    if (isEnding) return;
    isEnding = true;
    cluster.close();
    rmSync(options.directory, { recursive: true, force: true });
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

  let welcomeAll: (welcome: Extract<FromHead, { type: "welcome" }>) => void = () => {};
  const welcome = new Promise<Extract<FromHead, { type: "welcome" }>>((resolve) => {
    welcomeAll = resolve;
  });
  await listenForClients(cluster, headAddress(options.directory), {
    welcome: () => welcome,
    onDriverGone: () => end(0),
  });
  process.stdout.write("ready\n");
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

await main(JSON.parse(process.env[HEAD_OPTIONS_VARIABLE] ?? "{}") as HeadOptions);
