/** How full the machine is: slots, processor, memory, object store; now and over the last five minutes. */
import type { ReactElement } from "react";
import type { ClusterData } from "../link/state.ts";
import type { ResourcesView } from "../protocol.ts";
import { usePanel } from "./context.ts";
import { formatBytes, formatBytesOf, formatCount, formatPercent, formatSlots, percentOf } from "./format.ts";
import { Section } from "./section.tsx";
import { sparklinePath } from "./sparkline-path.ts";

const SPARKLINE = { width: 64, height: 16 } as const;
/** A young cluster fills the chart within a minute; then the chart stretches to five. */
const SHORTEST_SPAN_MS = 60_000;
const LONGEST_SPAN_MS = 300_000;
/** From here on a meter warns. */
const NEARLY_FULL_PERCENT = 90;

export function ResourcesSection({ data }: { data: ClusterData }): ReactElement {
  const { trans } = usePanel();
  const now = data.resources;
  const summary =
    now && `${formatSlots(now.cpus.used)} / ${formatSlots(now.cpus.total)} · ${formatPercent(now.cpuPercent)}`;
  return (
    <Section name="resources" title={trans.__("Resources")} {...(summary ? { summary } : {})}>
      {now ? (
        <Meters now={now} history={data.history} />
      ) : (
        <p className="mobula-Quiet">{trans.__("Waiting for numbers…")}</p>
      )}
    </Section>
  );
}

function Meters({ now, history }: { now: ResourcesView; history: readonly ResourcesView[] }): ReactElement {
  const { trans } = usePanel();
  return (
    <div className="mobula-Meters">
      <Meter
        label={trans.__("CPU slots")}
        value={`${formatSlots(now.cpus.used)} / ${formatSlots(now.cpus.total)}`}
        percent={slotsPercent(now)}
        history={history}
        measure={slotsPercent}
      />
      <Meter
        label={trans.__("Machine load")}
        value={formatPercent(now.cpuPercent)}
        percent={now.cpuPercent}
        history={history}
        measure={(then) => then.cpuPercent}
      />
      <Meter
        label={trans.__("Memory")}
        value={formatBytesOf(now.memory.usedBytes, now.memory.totalBytes)}
        percent={memoryPercent(now)}
        history={history}
        measure={memoryPercent}
        warns
      />
      <Meter
        label={trans.__("Object store")}
        value={formatBytesOf(now.objectStore.usedBytes, now.objectStore.capacityBytes)}
        percent={storePercent(now)}
        history={history}
        measure={storePercent}
        {...storeNote(now.objectStore)}
        warns
      />
    </div>
  );

  function storeNote({ objects, spilledBytes = 0 }: ResourcesView["objectStore"]): { note?: string } {
    if (objects === undefined) return {};
    const count = trans._n("%2 object", "%2 objects", objects, formatCount(objects));
    return { note: spilledBytes > 0 ? `${count} · ${trans.__("%1 on disk", formatBytes(spilledBytes))}` : count };
  }
}

interface MeterProps {
  readonly label: string;
  readonly value: string;
  readonly percent: number;
  readonly history: readonly ResourcesView[];
  readonly measure: (then: ResourcesView) => number;
  readonly note?: string;
  /** Full is bad; a busy processor is not. */
  readonly warns?: boolean;
}

function Meter({ label, value, percent, history, measure, note, warns = false }: MeterProps): ReactElement {
  const { trans } = usePanel();
  const isNearlyFull = warns && percent >= NEARLY_FULL_PERCENT;
  return (
    <div className="mobula-Meter">
      <span className="mobula-Meter-label">{label}</span>
      <span className="mobula-Meter-value">{value}</span>
      <div
        className="mobula-Meter-track"
        role="progressbar"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(percent)}
        aria-valuetext={value}
      >
        <div className={`mobula-Meter-fill${isNearlyFull ? " mobula-isFull" : ""}`} style={{ width: `${percent}%` }} />
      </div>
      <Sparkline label={trans.__("%1 over the last minutes", label)} history={history} measure={measure} />
      {note && <span className="mobula-Meter-note">{note}</span>}
    </div>
  );
}

function Sparkline({
  label,
  history,
  measure,
}: {
  label: string;
  history: readonly ResourcesView[];
  measure: (then: ResourcesView) => number;
}): ReactElement {
  const points = history.map((then) => ({ atMs: then.atMs, percent: measure(then) }));
  const ageMs = (points.at(-1)?.atMs ?? 0) - (points[0]?.atMs ?? 0);
  const spanMs = Math.min(Math.max(ageMs, SHORTEST_SPAN_MS), LONGEST_SPAN_MS);
  const { line, area } = sparklinePath(points, { ...SPARKLINE, spanMs });
  return (
    <svg
      className="mobula-Sparkline"
      width={SPARKLINE.width}
      height={SPARKLINE.height}
      viewBox={`0 0 ${SPARKLINE.width} ${SPARKLINE.height}`}
      role="img"
      aria-label={label}
    >
      <path className="mobula-Sparkline-area" d={area} />
      <path className="mobula-Sparkline-line" d={line} />
    </svg>
  );
}

function slotsPercent(view: ResourcesView): number {
  return percentOf(view.cpus.used, view.cpus.total);
}

function memoryPercent(view: ResourcesView): number {
  return percentOf(view.memory.usedBytes, view.memory.totalBytes);
}

function storePercent(view: ResourcesView): number {
  return percentOf(view.objectStore.usedBytes, view.objectStore.capacityBytes);
}
