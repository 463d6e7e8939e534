/** The worker processes and the actors, as tables that fit a narrow panel: two lines to a row. */
import type { ReactElement } from "react";
import type { ClusterData } from "../link/state.ts";
import type { ActorView, WorkerView } from "../protocol.ts";
import { usePanel } from "./context.ts";
import { formatBytes, formatCount, formatPercent } from "./format.ts";
import { Glyph, type GlyphName } from "./glyph.tsx";
import { LimitedList, Section } from "./section.tsx";

const ROWS_AT_FIRST = 24;

const WORKER_GLYPHS: Record<WorkerView["state"], GlyphName> = {
  starting: "clock",
  idle: "dot",
  running: "play",
  blocked: "pause",
  actor: "play",
};

const ACTOR_GLYPHS: Record<ActorView["state"], GlyphName> = {
  pending: "clock",
  alive: "check",
  restarting: "warning",
  dead: "cross",
};

export function WorkersSection({ data }: { data: ClusterData }): ReactElement {
  const { trans } = usePanel();
  const workers = data.workers ?? [];
  return (
    <Section name="workers" title={trans.__("Workers")} summary={formatCount(workers.length)}>
      {workers.length === 0 && (
        <p className="mobula-Quiet">{trans.__("Worker processes start with the first task.")}</p>
      )}
      {workers.length > 0 && (
        <LimitedList items={workers} limit={ROWS_AT_FIRST}>
          {(shown) => (
            <table className="mobula-Table">
              <thead>
                <tr>
                  <th scope="col">{trans.__("Process")}</th>
                  <th scope="col">{trans.__("CPU")}</th>
                  <th scope="col">{trans.__("Memory")}</th>
                  <th scope="col">{trans.__("Done")}</th>
                </tr>
              </thead>
              <tbody>
                {shown.map((worker) => (
                  <WorkerRow key={worker.id} worker={worker} />
                ))}
              </tbody>
            </table>
          )}
        </LimitedList>
      )}
    </Section>
  );
}

function WorkerRow({ worker }: { worker: WorkerView }): ReactElement {
  const { trans } = usePanel();
  const words: Record<WorkerView["state"], string> = {
    starting: trans.__("starting"),
    idle: trans.__("idle"),
    running: trans.__("running"),
    blocked: trans.__("waiting"),
    actor: trans.__("actor"),
  };
  const word = words[worker.state] ?? worker.state;
  return (
    <>
      <tr>
        <th scope="row">
          <span className={`mobula-State mobula-is-${worker.state}`}>
            <Glyph name={WORKER_GLYPHS[worker.state] ?? "dot"} />
            {worker.pid > 0 ? worker.pid : trans.__("new")}
          </span>
        </th>
        {/* A new process is listed before it is measured. */}
        <td>{worker.rssBytes > 0 ? formatPercent(worker.cpuPercent) : "–"}</td>
        <td>{worker.rssBytes > 0 ? formatBytes(worker.rssBytes) : "–"}</td>
        <td>{formatCount(worker.tasksFinished)}</td>
      </tr>
      <tr className="mobula-Table-more">
        <td colSpan={4} title={worker.running}>
          {worker.running === undefined ? word : `${word} · ${worker.running}`}
        </td>
      </tr>
    </>
  );
}

export function ActorsSection({ data }: { data: ClusterData }): ReactElement {
  const { trans } = usePanel();
  const actors = data.actors ?? [];
  return (
    <Section name="actors" title={trans.__("Actors")} summary={formatCount(actors.length)}>
      {actors.length === 0 && (
        <p className="mobula-Quiet">
          {trans.__("No actors. Wrap a class in")} <code>actor(Class)</code> {trans.__("and create one with")}{" "}
          <code>new</code>.
        </p>
      )}
      {actors.length > 0 && (
        <LimitedList items={actors} limit={ROWS_AT_FIRST}>
          {(shown) => (
            <table className="mobula-Table">
              <thead>
                <tr>
                  <th scope="col">{trans.__("Actor")}</th>
                  <th scope="col">{trans.__("Waiting")}</th>
                  <th scope="col">{trans.__("Done")}</th>
                </tr>
              </thead>
              <tbody>
                {shown.map((actor) => (
                  <ActorRow key={actor.id} actor={actor} />
                ))}
              </tbody>
            </table>
          )}
        </LimitedList>
      )}
    </Section>
  );
}

function ActorRow({ actor }: { actor: ActorView }): ReactElement {
  const { trans } = usePanel();
  const words: Record<ActorView["state"], string> = {
    pending: trans.__("pending"),
    alive: trans.__("alive"),
    restarting: trans.__("restarting"),
    dead: trans.__("dead"),
  };
  const name = actor.name === undefined ? actor.class : `${actor.class} «${actor.name}»`;
  const word = words[actor.state] ?? actor.state;
  return (
    <>
      <tr>
        <th scope="row" title={name}>
          <span className={`mobula-State mobula-is-${actor.state}`}>
            <Glyph name={ACTOR_GLYPHS[actor.state] ?? "dot"} />
            <span className="mobula-Table-name">{name}</span>
          </span>
        </th>
        <td>{actor.callsPending === undefined ? "–" : formatCount(actor.callsPending)}</td>
        <td>{actor.callsFinished === undefined ? "–" : formatCount(actor.callsFinished)}</td>
      </tr>
      <tr className="mobula-Table-more">
        <td colSpan={3}>{actor.pid === undefined ? word : trans.__("%1 · process %2", word, actor.pid)}</td>
      </tr>
    </>
  );
}
