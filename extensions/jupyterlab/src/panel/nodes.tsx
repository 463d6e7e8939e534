/** The machines of a cluster, as a table that fits a narrow panel: two lines to a row. */
import type { ReactElement } from "react";
import type { NodeView } from "../protocol.ts";
import { usePanel } from "./context.ts";
import { formatBytesOf, formatCount, formatPercent, formatSlots } from "./format.ts";
import { Glyph } from "./glyph.tsx";
import { LimitedList, Section } from "./section.tsx";

const ROWS_AT_FIRST = 24;
/** These have columns, or meters, of their own. */
const SHOWN_APART: ReadonlySet<string> = new Set(["cpus", "memoryBytes"]);

export function NodesSection({ nodes }: { nodes: readonly NodeView[] }): ReactElement {
  const { trans } = usePanel();
  return (
    <Section name="nodes" title={trans.__("Nodes")} summary={formatCount(nodes.length)}>
      <LimitedList items={nodes} limit={ROWS_AT_FIRST}>
        {(shown) => (
          <table className="mobula-Table">
            <thead>
              <tr>
                <th scope="col">{trans.__("Node")}</th>
                <th scope="col">{trans.__("CPU slots")}</th>
                <th scope="col">{trans.__("Load")}</th>
              </tr>
            </thead>
            <tbody>
              {shown.map((node) => (
                <NodeRow key={node.id} node={node} />
              ))}
            </tbody>
          </table>
        )}
      </LimitedList>
    </Section>
  );
}

function NodeRow({ node }: { node: NodeView }): ReactElement {
  const { trans } = usePanel();
  const { used = 0, total = 0 } = node.resources["cpus"] ?? {};
  const isBusy = node.running > 0;
  const facts = [
    ...(node.isHead ? [trans.__("head")] : []),
    isBusy
      ? trans._n("%2 task runs", "%2 tasks run", node.running, formatCount(node.running))
      : trans.__("no task runs"),
    ...Object.entries(node.resources)
      .filter(([name]) => !SHOWN_APART.has(name))
      .map(([name, amount]) => `${name} ${formatSlots(amount.used)} / ${formatSlots(amount.total)}`),
    ...(node.memory ? [trans.__("memory %1", formatBytesOf(node.memory.usedBytes, node.memory.totalBytes))] : []),
  ];
  return (
    <>
      <tr>
        <th scope="row" title={trans.__("Node %1", node.id)}>
          <span className={`mobula-State mobula-is-${isBusy ? "running" : "idle"}`}>
            <Glyph name={isBusy ? "play" : "dot"} />
            <span className="mobula-Table-name">{node.host}</span>
          </span>
        </th>
        <td>{`${formatSlots(used)} / ${formatSlots(total)}`}</td>
        <td>{node.cpuPercent === undefined ? "–" : formatPercent(node.cpuPercent)}</td>
      </tr>
      <tr className="mobula-Table-more">
        <td colSpan={3} title={facts.join(" · ")}>
          {facts.join(" · ")}
        </td>
      </tr>
    </>
  );
}
