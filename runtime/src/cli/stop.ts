/** `mobula stop`: the end of a standing cluster, and of all it has made. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Discovery, discoveryFile, listClusters, removeRemains } from "../node/discovery.ts";
import { isSameProcess } from "../store/process-stamp.ts";
import { clusterNameOf, clusterOf } from "./clusters.ts";
import { type Command, CommandError, EXIT_CODES, type ExitCode, type OptionValues, usageError } from "./command.ts";
import { descendantsOf, ensureGone, signalQuietly } from "./process-tree.ts";

const HELP = `Usage: mobula stop [--name NAME] [--force]

End a cluster that 'mobula start' has started. Programs and notebooks that use it are told; their tasks, actors and
objects are gone. The command returns when every process, socket and piece of shared memory is gone.

Options:
      --name NAME  which one, where several run
      --force      kill its processes without telling anybody
  -h, --help       show this help

Example:
  mobula stop
`;

/** Telling the drivers takes at most half a second. */
const END_WITHIN_MS = 10_000;
const WORKERS_END_WITHIN_MS = 2_000;

export const stopCommand: Command = {
  name: "stop",
  summary: "end a cluster that 'mobula start' has started",
  help: HELP,
  options: { name: { type: "string" }, force: { type: "boolean" } },
  run: stop,
};

async function stop(values: OptionValues, positionals: readonly string[]): Promise<ExitCode> {
  if (positionals[0] !== undefined) {
    throw usageError(`'mobula stop' takes no '${positionals[0]}'; name the cluster with '--name'.`);
  }
  const name = clusterNameOf(values);
  if (name === undefined && listClusters().length === 0) {
    process.stdout.write("No cluster runs.\n");
    return EXIT_CODES.ok;
  }
  const cluster = clusterOf(name);
  await end(cluster, values["force"] === true);
  process.stdout.write(`The cluster '${cluster.name}' has ended.\n`);
  return EXIT_CODES.ok;
}

async function end(cluster: Discovery, isForced: boolean): Promise<void> {
  const { head, name } = cluster;
  const processes = await descendantsOf(head.pid);
  signalQuietly(head.pid, isForced ? "SIGKILL" : "SIGTERM");
  const deadline = Date.now() + END_WITHIN_MS;
  while (isSameProcess(head)) {
    if (Date.now() > deadline) {
      const hint = isForced ? "" : "; 'mobula stop --force' kills it";
      throw new CommandError(EXIT_CODES.failed, `The cluster '${name}' (process ${head.pid}) does not end${hint}.`);
    }
    await sleep(20);
  }
  await ensureGone(processes, WORKERS_END_WITHIN_MS);
  removeRemains(cluster, discoveryFile(name));
}
