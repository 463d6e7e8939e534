/** `mobula status`: which clusters run, and what they do. */

import { isRayAddress } from "../engine/ray/ray-address.ts";
import { formatBytes } from "../errors.ts";
import { type Discovery, listClusters } from "../node/discovery.ts";
import type { ClusterDescription } from "../protocol/messages.ts";
import type { JobRow } from "../protocol/state.ts";
import { ADDRESS_HELP, ADDRESS_OPTIONS, findCluster } from "./cluster-source.ts";
import { clusterNameOf, clusterOf, describeCluster } from "./clusters.ts";
import { type Command, EXIT_CODES, type ExitCode, type OptionValues, textOf, usageError } from "./command.ts";

const HELP = `Usage: mobula status [--name NAME | --address CLUSTER] [--json]

Show the clusters that 'mobula start' has started, or the one at an address: resources, jobs, workers and actors. Exits
with 1 when none runs.

Options:
      --name NAME        only this one
${ADDRESS_HELP.split("\n").slice(0, -2).join("\n")}
      --json             for programs: { "clusters": [{ "name", "url", "cluster", "jobs", … }] }
  -h, --help             show this help

Example:
  mobula status --address ray://head:8265
`;

/** Jobs that ended, shown in words. */
const SHOWN_ENDED = 5;

export const statusCommand: Command = {
  name: "status",
  summary: "show which clusters run and what they do",
  help: HELP,
  options: { ...ADDRESS_OPTIONS, name: { type: "string" } },
  run: status,
};

async function status(values: OptionValues, positionals: readonly string[]): Promise<ExitCode> {
  if (positionals[0] !== undefined) {
    throw usageError(`'mobula status' takes no '${positionals[0]}'; name the cluster with '--name'.`);
  }
  const address = textOf(values, "address") ?? rayAddress(process.env);
  if (address !== undefined && values["name"] === undefined) return await statusAt(address, values);
  const name = clusterNameOf(values);
  const running = name === undefined ? listClusters() : [clusterOf(name)];
  const all = await Promise.all(running.map(async (each) => ({ discovery: each, ...(await describeCluster(each)) })));
  if (values["json"] === true) {
    const clusters = all.map(({ discovery, cluster, jobs }) => ({ ...discovery, token: undefined, cluster, jobs }));
    process.stdout.write(`${JSON.stringify({ clusters }, undefined, 2)}\n`);
  } else if (all.length === 0) {
    process.stdout.write("No cluster runs; 'mobula start' starts one.\n");
  } else {
    process.stdout.write(all.map((each) => inWords(titleOf(each.discovery), each.cluster, each.jobs)).join("\n"));
  }
  return all.length === 0 ? EXIT_CODES.failed : EXIT_CODES.ok;
}

/** Standing clusters are all shown, whatever the variable names; those of Ray are found by it only. */
function rayAddress({ MOBULA_ADDRESS: address }: NodeJS.ProcessEnv): string | undefined {
  return address !== undefined && isRayAddress(address) ? address : undefined;
}

async function statusAt(address: string, values: OptionValues): Promise<ExitCode> {
  const source = await findCluster({ ...values, address });
  const [cluster, { items: jobs }] = await Promise.all([source.read("cluster"), source.read("jobs")]);
  const { engine, version, startedAtMs } = cluster;
  const title = `${engine === "ray" ? `Ray ${version}` : "Cluster"} at ${address}, for ${duration(Date.now() - startedAtMs)}`;
  const text =
    values["json"] === true
      ? JSON.stringify({ clusters: [{ name: address, url: address, cluster, jobs }] }, undefined, 2)
      : inWords(title, cluster, jobs);
  process.stdout.write(`${text.trimEnd()}\n`);
  return EXIT_CODES.ok;
}

function titleOf({ name, head, url, startedAtMs }: Discovery): string {
  return `Cluster '${name}': process ${head.pid}, ${url}, for ${duration(Date.now() - startedAtMs)}`;
}

function inWords(title: string, cluster: ClusterDescription, jobs: readonly JobRow[]): string {
  const { objectStore, workers, actors } = cluster;
  const store = `${formatBytes(objectStore.usedBytes)} of ${formatBytes(objectStore.capacityBytes)}`;
  const { objects, spilledBytes = 0 } = objectStore;
  const spilled = spilledBytes > 0 ? `, ${formatBytes(spilledBytes)} on disk` : "";
  const living = actors.filter(({ state }) => state !== "dead");
  return [
    title,
    ...nodeLines(cluster),
    `  Resources  ${resourcesInWords(cluster)}`,
    `  Objects    ${objects === undefined ? "" : `${objects}, `}${store}${spilled}`,
    `  Workers    ${countByState(workers)}`,
    `  Actors     ${countByState(living)}`,
    ...living.map((actor) => `    ${actor.class}${actor.name === undefined ? "" : ` '${actor.name}'`} ${actor.state}`),
    "  Jobs",
    ...jobLines(jobs),
    "",
  ].join("\n");
}

function resourcesInWords({ resources }: ClusterDescription): string {
  const amounts = Object.entries(resources).filter(([, { total }]) => total > 0);
  return amounts
    .map(([name, { used, total }]) =>
      name === "memoryBytes"
        ? `memory ${formatBytes(used)} of ${formatBytes(total)}`
        : `${name} ${Math.max(0, used)} of ${total}`,
    )
    .join(", ");
}

/** One machine needs no list. */
function nodeLines({ nodes, engine }: ClusterDescription): string[] {
  if (engine !== "ray") return [];
  const lines = nodes.map(({ host, isHead, resources, used = {} }) => {
    const cpus = `cpus ${used["cpus"] ?? 0} of ${resources["cpus"] ?? 0}`;
    return `    ${host}${isHead ? " (head)" : ""} ${cpus}`;
  });
  return [`  Nodes      ${nodes.length}`, ...lines];
}

function countByState(items: readonly { readonly state: string }[]): string {
  const counts = new Map<string, number>();
  for (const { state } of items) counts.set(state, (counts.get(state) ?? 0) + 1);
  const states = [...counts].map(([state, count]) => `${count} ${state}`).join(", ");
  return items.length === 0 ? "none" : `${items.length} (${states})`;
}

function jobLines(jobs: readonly JobRow[]): string[] {
  const running = jobs.filter(({ state }) => state === "running");
  const ended = jobs.filter(({ state }) => state === "ended").slice(0, SHOWN_ENDED);
  const now = Date.now();
  const lines = [...running, ...ended].map(({ id, name, pid = "-", host = "-", startedAtMs = now, endedAtMs }) => {
    const when =
      endedAtMs === undefined
        ? `for ${duration(now - startedAtMs)}`
        : `ended ${duration(now - endedAtMs)} ago after ${duration(endedAtMs - startedAtMs)}`;
    return `    ${id}${name === undefined ? "" : ` '${name}'`} process ${pid} on ${host}, ${when}`;
  });
  return lines.length === 0 ? ["    none"] : lines;
}

function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
