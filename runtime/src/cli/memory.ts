/** `mobula memory`: what takes the object store. */
import { formatBytes } from "../errors.ts";
import type { ClusterDescription } from "../protocol/messages.ts";
import type { ObjectRow, StateList } from "../protocol/state.ts";
import { ADDRESS_HELP, ADDRESS_OPTIONS, findCluster } from "./cluster-source.ts";
import { type Command, EXIT_CODES, textOf } from "./command.ts";
import { formatList, type TableSize } from "./state-tables.ts";
import { outputWidth } from "./table.ts";

export const memoryCommand: Command = {
  name: "memory",
  summary: "objects by size, who owns and holds them",
  help: `Usage: mobula memory [OPTIONS]

The largest objects of a cluster, who made them and who keeps them alive, and how full the store is. 'in X' keeps what
is inside the object or actor X.

Options:
      --limit N          objects at most; 100 by default
${ADDRESS_HELP}

Example:
  mobula memory --limit 20
`,
  options: { ...ADDRESS_OPTIONS, limit: { type: "string" } },
  run: async (values) => {
    const source = await findCluster(values);
    const [cluster, all] = await Promise.all([source.read("cluster"), source.read("objects", { limit: "10000" })]);
    const limit = Number(textOf(values, "limit") ?? "100");
    const list = largestFirst(all, limit);
    const text =
      values["json"] === true
        ? JSON.stringify({ objectStore: cluster.objectStore, ...list }, undefined, 2)
        : formatMemory(cluster, list, { width: outputWidth(), nowMs: Date.now() });
    process.stdout.write(`${text}\n`);
    return EXIT_CODES.ok;
  },
};

export function largestFirst(list: StateList<ObjectRow>, limit: number): StateList<ObjectRow> {
  const items = list.items.toSorted((a, b) => b.sizeBytes - a.sizeBytes).slice(0, limit);
  return { ...list, items, truncated: items.length < list.total };
}

export function formatMemory(
  { objectStore }: Pick<ClusterDescription, "objectStore">,
  list: StateList<ObjectRow>,
  size: TableSize,
): string {
  const { usedBytes, capacityBytes, spilledBytes = 0, objects, directory, hint } = objectStore;
  const percent = capacityBytes === 0 ? 0 : Math.round((100 * usedBytes) / capacityBytes);
  const totals = `Object store: ${formatBytes(usedBytes)} of ${formatBytes(capacityBytes)} in use (${percent} %)${objectsIn(objects, directory)}`;
  const spilled = spilledBytes > 0 ? [`On disk: ${formatBytes(spilledBytes)}, for which there was no room.`] : [];
  return [totals, ...spilled, ...(hint === undefined ? [] : [hint]), "", formatList("objects", list, size)].join("\n");
}

function objectsIn(objects: number | undefined, directory: string | undefined): string {
  const count = objects === undefined ? "" : `, ${objects} ${objects === 1 ? "object" : "objects"}`;
  return directory === undefined ? count : `${count} in ${directory}`;
}
