/** Placement groups that this process made, found or was given. */
import { UnschedulableError, UnsupportedError } from "../../errors.ts";
import type { PlacementGroupId } from "../../protocol/ids.ts";
import type { FromHead, PlacementGroupDescription, PlacementGroupState } from "../../protocol/messages.ts";
import type { NewPlacementGroupSpec } from "../engine.ts";
import { GroupWatchers } from "./group-watchers.ts";
import type { HeadLink } from "./head-link.ts";
import type { KeepAlive } from "./keep-alive.ts";

export class PlacementGroupDirectory {
  readonly #link: HeadLink;
  readonly #watchers: GroupWatchers;

  constructor(link: HeadLink, keepAlive: KeepAlive) {
    this.#link = link;
    this.#watchers = new GroupWatchers((groupId) => link.send({ type: "watch-group", groupId }), keepAlive);
  }

  async create(groupId: PlacementGroupId, spec: NewPlacementGroupSpec): Promise<PlacementGroupDescription> {
    const { strategy, bundles, name, isDetached, depth } = spec;
    const description = { groupId, strategy, bundles, ...(name === undefined ? {} : { name }) };
    const reply = await this.#link.request((requestId) => ({
      type: "create-group",
      requestId,
      description,
      isDetached,
      depth,
    }));
    if (reply.type === "group-refused") throw refusal(name, reply);
    return description;
  }

  async find(name: string): Promise<PlacementGroupDescription | undefined> {
    const reply = await this.#link.request((requestId) => ({ type: "find-group", requestId, name }));
    return reply.type === "group-found" ? reply.description : undefined;
  }

  async remove(groupId: PlacementGroupId): Promise<void> {
    await this.#link.request((requestId) => ({ type: "remove-group", requestId, groupId }));
  }

  watch(groupId: PlacementGroupId, listener: (state: PlacementGroupState) => void): () => void {
    return this.#watchers.watch(groupId, listener);
  }

  changed(groupId: PlacementGroupId, state: PlacementGroupState): void {
    this.#watchers.changed(groupId, state);
  }

  close(): void {
    this.#watchers.close();
  }
}

function refusal(
  name: string | undefined,
  { reason, needs, has, explanation }: Extract<FromHead, { type: "group-refused" }>,
): Error {
  if (reason === "unschedulable") {
    return new UnschedulableError(`placement group${name === undefined ? "" : ` ${name}`}`, needs, has, explanation);
  }
  return new UnsupportedError(
    `A second placement group named '${name}'`,
    `Use the first with placementGroup.get("${name}"), or remove it.`,
  );
}
