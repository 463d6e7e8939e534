/** A cluster as the last line of a cell: what it is and what it has, in a few lines. */
import { formatBytes } from "../errors.ts";
import type { ClusterDescription } from "../protocol/messages.ts";

/** MIME bundle of a cluster's state at one moment. */
export function clusterBundle(cluster: ClusterDescription): { "text/plain": string; "text/html": string } {
  const title = cluster.engine === "ray" ? `Ray ${cluster.version}` : `Mobula ${cluster.version} on this machine`;
  const rows = factsOf(cluster);
  const width = Math.max(...rows.map(([label]) => label.length));
  const text = [title, ...rows.map(([label, value]) => `  ${label.padEnd(width)}  ${value}`)].join("\n");
  return { "text/plain": text, "text/html": toHtml(title, rows) };
}

function factsOf(cluster: ClusterDescription): [label: string, value: string][] {
  const { cpus, gpus } = cluster.resources;
  const { usedBytes, capacityBytes, objects, directory, hint } = cluster.objectStore;
  const storeFacts = [
    ...(objects === undefined ? [] : [count(objects, "object")]),
    ...(directory === undefined ? [] : [`in ${directory}`]),
  ];
  const { nodes } = cluster;
  const living = cluster.actors.filter((actor) => actor.state !== "dead");
  return [
    ...(cluster.name === undefined ? [] : [["name", cluster.name] as [string, string]]),
    ...(nodes.length > 1 || cluster.engine === "ray" ? [["nodes", String(nodes.length)] as [string, string]] : []),
    ["CPUs", `${cpus?.used ?? 0} of ${cpus?.total ?? 0} in use`],
    ...(gpus === undefined || gpus.total === 0
      ? []
      : [["GPUs", `${gpus.used} of ${gpus.total} in use`] as [string, string]]),
    ["object store", [`${formatBytes(usedBytes)} of ${formatBytes(capacityBytes)}`, ...storeFacts].join(", ")],
    ...(hint === undefined ? [] : [["", hint] as [string, string]]),
    ["workers", `${cluster.workers.length}${tally(cluster.workers.map(({ state }) => state))}`],
    ["actors", `${living.length}${tally(living.map((actor) => actor.class))}`],
  ];
}

function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? "" : "s"}`;
}

/** ` (2 idle, 1 running)`, or nothing. */
function tally(words: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const parts = [...counts].map(([word, amount]) => `${amount} ${word}`);
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}

function toHtml(title: string, rows: readonly (readonly [string, string])[]): string {
  const label = "text-align:left;padding:1px 16px 1px 0;font-weight:normal;color:var(--jp-ui-font-color2)";
  const cells = rows.map(
    ([name, value]) =>
      `<tr><th scope="row" style="${label}">${escape(name)}</th><td style="text-align:left;padding:1px 0">${escape(value)}</td></tr>`,
  );
  return (
    '<div style="font-size:var(--jp-ui-font-size1);color:var(--jp-ui-font-color1)">' +
    `<strong>${escape(title)}</strong><table style="margin:4px 0 0;border-collapse:collapse">${cells.join("")}</table></div>`
  );
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
