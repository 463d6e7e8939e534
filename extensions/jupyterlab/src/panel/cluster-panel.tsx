/** The panel as a whole. It knows nothing of JupyterLab: tests and documentation show it from recorded messages. */
import type { ReactElement } from "react";
import type { LinkState } from "../link/state.ts";
import type { ClusterInfo } from "../protocol.ts";
import type { Variables } from "../variables/variables-link.ts";
import { ActivitySection } from "./activity.tsx";
import { PanelContext, type PanelServices, usePanel } from "./context.ts";
import { formatDuration } from "./format.ts";
import { Glyph } from "./glyph.tsx";
import { NodesSection } from "./nodes.tsx";
import { PhaseNotice } from "./notices.tsx";
import { ActorsSection, WorkersSection } from "./processes.tsx";
import { ResourcesSection } from "./resources.tsx";
import { VariablesSection } from "./variables.tsx";

interface PanelProps {
  /** Null when no document with a kernel is open. */
  readonly state: LinkState | null;
  readonly services: PanelServices;
  /** What the cells have declared; null while no kernel tells. */
  readonly variables?: Variables | null;
}

export function ClusterPanel({ state, services, variables }: PanelProps): ReactElement {
  const phase = state?.phase ?? null;
  const isLive = phase?.name === "live";
  const data = phase?.name === "live" || phase?.name === "lost" ? state?.data : undefined;
  return (
    <PanelContext.Provider value={services}>
      <div className="mobula-Panel">
        <Header cluster={isLive ? phase.cluster : null} />
        <PhaseNotice phase={phase} />
        {data && state && (
          <div className={isLive ? "" : "mobula-isStale"}>
            <ResourcesSection data={data} />
            <ActivitySection data={data} cancels={state.cancels} canCancel={isLive} />
            {data.nodes ? <NodesSection nodes={data.nodes} /> : <WorkersSection data={data} />}
            <ActorsSection data={data} />
          </div>
        )}
        {variables && <VariablesSection variables={variables} />}
      </div>
    </PanelContext.Provider>
  );
}

function Header({ cluster }: { cluster: ClusterInfo | null }): ReactElement {
  const { trans } = usePanel();
  return (
    <header className="mobula-Header">
      <h2 className="mobula-Header-name">{trans.__("Cluster")}</h2>
      {cluster && (
        <>
          <span className="mobula-Header-state">
            <Glyph name="dot" /> {trans.__("live")}
          </span>
          <ClusterFacts cluster={cluster} />
        </>
      )}
    </header>
  );
}

function ClusterFacts({ cluster }: { cluster: ClusterInfo }): ReactElement {
  const { trans, now } = usePanel();
  const names: Record<string, string> = { local: trans.__("this machine"), ray: trans.__("Ray") };
  const up = formatDuration((now() - cluster.startedAtMs) / 1000);
  return (
    <p className="mobula-Header-facts" title={trans.__("Cluster %1, Mobula %2", cluster.id, cluster.version)}>
      {names[cluster.engine] ?? cluster.engine} · {trans.__("up %1", up)} · {cluster.version}
    </p>
  );
}
