/** What the panel says when there is no live cluster: what is the matter, and what to do next. */
import type { ReactElement, ReactNode } from "react";
import type { LossReason, Phase } from "../link/state.ts";
import { type PanelServices, type Translation, usePanel } from "./context.ts";
import { Glyph, type GlyphName } from "./glyph.tsx";

interface Notice {
  readonly tone: "quiet" | "warning" | "error";
  readonly glyph?: GlyphName;
  readonly title: string;
  readonly text: ReactNode;
  readonly buttons: readonly {
    readonly label: string;
    readonly act: (() => void) | undefined;
    readonly isMain?: boolean;
  }[];
}

/** The notice of a phase; nothing while the cluster is live. Title and text are read out when they change. */
export function PhaseNotice({ phase }: { phase: Phase | null }): ReactElement {
  const notice = noticeOf(phase, usePanel());
  return (
    <div className={notice ? `mobula-Notice mobula-is-${notice.tone}` : "mobula-Notice-none"}>
      <div role="status">
        {notice && (
          <>
            <p className="mobula-Notice-title">
              {notice.glyph && <Glyph name={notice.glyph} />}
              {notice.title}
            </p>
            <p>{notice.text}</p>
          </>
        )}
      </div>
      {notice?.buttons.map(
        ({ label, act, isMain }) =>
          act && (
            <button
              key={label}
              type="button"
              className={`mobula-Button${isMain ? " mobula-isMain" : ""}`}
              onClick={act}
            >
              {label}
            </button>
          ),
      )}
    </div>
  );
}

function noticeOf(phase: Phase | null, { trans, actions }: PanelServices): Notice | null {
  const chooseKernel = { label: trans.__("Choose a kernel…"), act: actions.chooseKernel, isMain: true };
  const reconnect = { label: trans.__("Connect again"), act: actions.reconnect };
  if (!phase) {
    return {
      tone: "quiet",
      title: trans.__("No notebook is open"),
      text: trans.__("Open a notebook with the Mobula kernel: its cluster is shown here."),
      buttons: [],
    };
  }
  switch (phase.name) {
    case "live":
      return null;
    case "no-kernel":
      return {
        tone: "quiet",
        title: trans.__("This notebook has no kernel"),
        text: trans.__("Choose the Mobula kernel to use a cluster."),
        buttons: [chooseKernel],
      };
    case "shared-kernel":
      return {
        tone: "warning",
        glyph: "warning",
        title: trans.__("Not connected"),
        text: trans.__(
          "The tab that was connected to this kernel's cluster is closed. Close this tab and open it again.",
        ),
        buttons: [],
      };
    case "other-kernel":
      return {
        tone: "quiet",
        title: trans.__("No cluster for this kernel"),
        text: trans.__(
          "«%1» runs this notebook. Clusters belong to notebooks with the Mobula kernel.",
          phase.kernelName,
        ),
        buttons: [chooseKernel],
      };
    case "kernel-starting":
      return {
        tone: "quiet",
        glyph: "clock",
        title: trans.__("The kernel is starting"),
        text: trans.__("The cluster shows itself when it is there."),
        buttons: [],
      };
    case "connecting":
      return {
        tone: "quiet",
        glyph: "clock",
        title: trans.__("Connecting"),
        text: trans.__("Asking the kernel for its cluster…"),
        buttons: [],
      };
    case "no-cluster":
      return {
        tone: phase.after ? "warning" : "quiet",
        ...(phase.after && { glyph: "warning" as const }),
        title: phase.after ? lossTitle(phase.after, trans) : trans.__("No cluster yet"),
        text: (
          <>
            {trans.__("Run")} <code>await init()</code>{" "}
            {trans.__("in a cell to start one. The first call of a task starts one, too.")}
          </>
        ),
        buttons: [{ label: trans.__("Insert that cell"), act: actions.insertStart, isMain: true }],
      };
    case "lost":
      return {
        tone: "warning",
        glyph: "warning",
        title: lossTitle(phase.why, trans),
        text:
          phase.why === "kernel-died"
            ? trans.__("Restart the kernel, then start the cluster again. The last numbers are shown below.")
            : trans.__("The panel connects again by itself. The last numbers are shown below."),
        buttons:
          phase.why === "kernel-died"
            ? [{ label: trans.__("Restart the kernel…"), act: actions.restartKernel, isMain: true }]
            : [reconnect],
      };
    case "refused":
      return {
        tone: "error",
        glyph: "cross",
        title: trans.__("Panel and cluster do not fit together"),
        text: (
          <>
            {phase.reason} {trans.__("Install the same version of both with")} <code>mobula install</code>
            {trans.__(", then reload this page and restart the kernel.")}
          </>
        ),
        buttons: [reconnect],
      };
  }
}

function lossTitle(why: LossReason, trans: Translation): string {
  const titles: Record<LossReason, string> = {
    "cluster-ended": trans.__("The cluster has ended"),
    "kernel-restarted": trans.__("The kernel was restarted"),
    "kernel-died": trans.__("The kernel has died"),
    disconnected: trans.__("The connection to the kernel is down"),
  };
  return titles[why];
}
