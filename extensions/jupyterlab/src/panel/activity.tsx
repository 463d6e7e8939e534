/** What the cells have set to work: one row for each function that a cell called. */
import { type KeyboardEvent, type ReactElement, useEffect, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { secondsLeft, tasksPerSecond } from "../link/rates.ts";
import { type CancelRequest, type ClusterData, groupKey } from "../link/state.ts";
import type { TaskGroupView } from "../protocol.ts";
import { usePanel } from "./context.ts";
import { formatCount, formatDuration, formatPercent, formatRate } from "./format.ts";
import { Glyph, type GlyphName } from "./glyph.tsx";
import { LimitedList, Section } from "./section.tsx";
import { barSegments, inDisplayOrder, isBusy, type SegmentKind, settledPercent, totalTasks } from "./segments.ts";

const ROWS_AT_FIRST = 12;

const GLYPHS: Record<SegmentKind, GlyphName> = {
  done: "check",
  failed: "cross",
  cancelled: "slash",
  running: "play",
  queued: "clock",
};

interface ActivityProps {
  readonly data: ClusterData;
  readonly cancels: ReadonlyMap<string, CancelRequest>;
  readonly canCancel: boolean;
}

export function ActivitySection({ data, cancels, canCancel }: ActivityProps): ReactElement {
  const { trans } = usePanel();
  const groups = inDisplayOrder(data.tasks ?? []);
  const running = groups.reduce((sum, group) => sum + group.running, 0);
  const summary = running > 0 ? trans._n("%2 running", "%2 running", running, formatCount(running)) : "";
  return (
    <Section name="activity" title={trans.__("Activity")} {...(summary ? { summary } : {})}>
      {data.tasks && groups.length === 0 && (
        <p className="mobula-Quiet">
          {trans.__("Nothing has run yet. Wrap a function in")} <code>task(fn)</code>{" "}
          {trans.__("and call it in a cell.")}
        </p>
      )}
      <LimitedList items={groups} limit={ROWS_AT_FIRST}>
        {(shown) => (
          <ul className="mobula-Groups">
            {shown.map((group) => (
              <GroupRow
                key={groupKey(group)}
                group={group}
                rate={tasksPerSecond(data.rates, group)}
                left={secondsLeft(data.rates, group)}
                cancel={cancels.get(groupKey(group))}
                canCancel={canCancel}
              />
            ))}
          </ul>
        )}
      </LimitedList>
    </Section>
  );
}

interface RowProps {
  readonly group: TaskGroupView;
  /** Per second. */
  readonly rate: number | undefined;
  /** Seconds. */
  readonly left: number | undefined;
  readonly cancel: CancelRequest | undefined;
  readonly canCancel: boolean;
}

function GroupRow({ group, rate, left, cancel, canCancel }: RowProps): ReactElement {
  const { trans } = usePanel();
  const facts = [
    rate === undefined ? "" : formatRate(rate),
    left === undefined ? "" : trans.__("%1 left", formatDuration(left)),
    group.retried > 0 ? trans._n("%2 retry", "%2 retries", group.retried, formatCount(group.retried)) : "",
  ].filter((fact) => fact !== "");
  return (
    <li className="mobula-Group">
      <div className="mobula-Group-head">
        <CellLink group={group} />
        <span className="mobula-Group-name" title={group.function}>
          {group.function}
        </span>
        {isBusy(group) && <span>{formatPercent(settledPercent(group))}</span>}
      </div>
      <GroupBar group={group} />
      <Legend group={group} />
      <CancelControl group={group} cancel={cancel} canCancel={canCancel && isBusy(group)} facts={facts.join(" · ")} />
    </li>
  );
}

function CellLink({ group }: { group: TaskGroupView }): ReactElement | null {
  const { trans, actions } = usePanel();
  const [isMissing, setMissing] = useState(false);
  const { cellId } = group;
  if (cellId === undefined) return null;
  const number = group.executionCount ?? " ";
  const label = isMissing ? trans.__("That cell is gone") : trans.__("Go to cell %1", number);
  return (
    <button
      type="button"
      className="mobula-CellLink"
      title={label}
      aria-label={label}
      onClick={() => setMissing(!actions.revealCell(cellId))}
    >
      [{number}]
    </button>
  );
}

function GroupBar({ group }: { group: TaskGroupView }): ReactElement {
  const { trans } = usePanel();
  const segments = barSegments(group);
  const total = totalTasks(group);
  const settled = total - group.queued - group.running;
  return (
    <div
      className="mobula-Bar"
      role="progressbar"
      aria-label={trans.__("Progress of %1", group.function)}
      aria-valuemin={0}
      aria-valuemax={total}
      aria-valuenow={settled}
      aria-valuetext={trans.__("%1 of %2", formatCount(settled), formatCount(total))}
    >
      {segments.map(({ kind, widthPercent }) => (
        <span key={kind} className={`mobula-Bar-part mobula-is-${kind}`} style={{ width: `${widthPercent}%` }} />
      ))}
    </div>
  );
}

function Legend({ group }: { group: TaskGroupView }): ReactElement {
  const { trans } = usePanel();
  const words: Record<SegmentKind, string> = {
    done: trans.__("done"),
    failed: trans.__("failed"),
    cancelled: trans.__("cancelled"),
    running: trans.__("running"),
    queued: trans.__("queued"),
  };
  return (
    <div className="mobula-Legend">
      {barSegments(group).map(({ kind, count }) => (
        <span key={kind} className={`mobula-Legend-item mobula-is-${kind}`}>
          <Glyph name={GLYPHS[kind]} />
          {formatCount(count)} {words[kind]}
        </span>
      ))}
    </div>
  );
}

interface CancelProps {
  readonly group: TaskGroupView;
  readonly cancel: CancelRequest | undefined;
  readonly canCancel: boolean;
  /** Rate, time left, retries: they share a line with the button. */
  readonly facts: string;
}

/** Asks twice, then tells what became of it. The status element is always there: only then is its text read out. */
function CancelControl({ group, cancel, canCancel, facts }: CancelProps): ReactElement {
  const { trans, actions } = usePanel();
  const [isAsking, setAsking] = useState(false);
  const isSent = cancel?.state === "asked" || cancel?.state === "accepted";
  const cancelButton = useRef<HTMLButtonElement>(null);
  const keep = () => {
    flushSync(() => setAsking(false));
    cancelButton.current?.focus();
  };
  const confirm = () => {
    setAsking(false);
    const { cellId } = group;
    actions.cancelTasks({ function: group.function, ...(cellId === undefined ? {} : { cellId }) });
  };
  return (
    <div className="mobula-Cancel">
      <div className="mobula-Group-foot">
        <span className="mobula-Group-facts">{facts}</span>
        {canCancel && !isSent && !isAsking && (
          <button
            type="button"
            className="mobula-Link"
            ref={cancelButton}
            aria-label={trans.__("Cancel the tasks of %1", group.function)}
            onClick={() => setAsking(true)}
          >
            {trans.__("Cancel…")}
          </button>
        )}
      </div>
      {canCancel && isAsking && <Confirm group={group} confirm={confirm} keep={keep} />}
      <span role="status" className={cancel?.state === "failed" ? "mobula-isError" : "mobula-Quiet"}>
        {cancel?.state === "asked" && trans.__("Cancelling…")}
        {cancel?.state === "accepted" && trans.__("Cancel accepted; running tasks are stopping.")}
        {cancel?.state === "failed" && trans.__("Not cancelled: %1", cancel.message)}
      </span>
    </div>
  );
}

function Confirm({
  group,
  confirm,
  keep,
}: {
  group: TaskGroupView;
  confirm: () => void;
  keep: () => void;
}): ReactElement {
  const { trans } = usePanel();
  const keepButton = useRef<HTMLButtonElement>(null);
  useEffect(() => keepButton.current?.focus(), []);
  const count = group.queued + group.running;
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") keep();
  };
  return (
    <div className="mobula-Confirm" role="group" aria-label={trans.__("Confirm")} onKeyDown={onKeyDown}>
      <span>{trans._n("Stop %2 unfinished task?", "Stop %2 unfinished tasks?", count, formatCount(count))}</span>
      <button type="button" className="mobula-Button mobula-isDanger" onClick={confirm}>
        {trans.__("Stop")}
      </button>
      <button type="button" className="mobula-Button" ref={keepButton} onClick={keep}>
        {trans.__("Keep")}
      </button>
    </div>
  );
}
