/** The cluster in one line, for the status bar. */
import type { ReactElement } from "react";
import type { ClusterData } from "../link/state.ts";
import type { Translation } from "./context.ts";
import { formatCount, formatPercent, formatSlots } from "./format.ts";
import { Glyph } from "./glyph.tsx";

interface StatusItemProps {
  readonly data: ClusterData;
  readonly trans: Translation;
  readonly open: () => void;
}

export function StatusItem({ data, trans, open }: StatusItemProps): ReactElement {
  return (
    <button
      type="button"
      className="mobula-StatusItem"
      title={trans.__("Cluster: slots, load of the machine, unfinished tasks. Click for more.")}
      onClick={open}
    >
      <Glyph name="dot" />
      {statusText(data, trans)}
    </button>
  );
}

/** `2 CPUs 61 % · 12 tasks`, as far as it is known. */
export function statusText(data: ClusterData, trans: Translation): string {
  const { resources, tasks } = data;
  if (!resources) return trans.__("Cluster");
  const slots = resources.cpus.total;
  const cpus = trans._n("%2 CPU", "%2 CPUs", slots, formatSlots(slots));
  const unfinished = (tasks ?? []).reduce((sum, group) => sum + group.queued + group.running, 0);
  const work = trans._n("%2 task", "%2 tasks", unfinished, formatCount(unfinished));
  return `${cpus} ${formatPercent(resources.cpuPercent)} · ${work}`;
}
