/** What the head says to a process of the cluster, driver or worker. */
import { EngineClosedError } from "../../errors.ts";
import type { FromHead } from "../../protocol/messages.ts";
import { cancelAsked, cancelGroup } from "./cancelling.ts";
import type { LocalEngine } from "./local-engine.ts";

export function handleHeadMessage(engine: LocalEngine, message: FromHead): void {
  switch (message.type) {
    case "welcome":
      engine.objects.useDirectories(message.arena, message.spillDirectory);
      return;
    case "lease-granted":
      engine.places.tasks.granted(message);
      return;
    case "unschedulable":
      engine.places.tasks.unschedulable(message);
      return;
    case "reclaim":
      engine.places.tasks.reclaim(message.count);
      return;
    case "worker-died":
      engine.places.workerDied(message);
      return;
    case "object-result":
      engine.objects.resolved(message.objectId, message.result);
      return;
    case "actor-state":
      engine.places.actors.changed(message.actorId, message.state);
      return;
    case "environment-failed":
      engine.places.environmentFailed(message);
      return;
    case "group-state":
      engine.groups.changed(message.groupId, message.state);
      if (message.state === "removed") engine.places.groupRemoved(message.groupId);
      return;
    case "cancel-call":
      cancelAsked(engine, message);
      return;
    case "cancel-group":
      cancelGroup(engine, message);
      return;
    case "output":
      engine.calls.output(message.output);
      return;
    case "list-tasks":
      engine.report.report();
      engine.link.send({
        type: "tasks-listed",
        inquiryId: message.inquiryId,
        listings: engine.listings(message.limit),
      });
      return;
    // Its control thread answers.
    case "dump-stack":
    case "attach-debugger":
      return;
    case "stop-task":
    case "become-actor":
      engine.takeOrder(message);
      return;
    case "spares":
      engine.objects.addSpares(message.regions);
      return;
    case "collect":
      engine.objects.giveUpGarbage();
      return;
    case "rebuild":
      engine.lineage.rebuild(message.objectId, message.reason);
      return;
    case "refused":
    case "closing":
      void engine.end(new EngineClosedError(message.reason));
      return;
    // Replies to requests, which the link delivers.
    case "allocated":
    case "allocate-failed":
    case "located":
    case "actor-registered":
    case "actor-refused":
    case "actor-found":
    case "group-registered":
    case "group-refused":
    case "group-found":
    case "group-removed":
    case "actors-listed":
    case "cluster-described":
    case "http-opened":
    case "checked":
    case "state-answer":
    case "debugger-used":
  }
}
