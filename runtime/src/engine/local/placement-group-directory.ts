/** Placement groups that this process made, found or was given. */
import { UnschedulableError, UnsupportedError } from "../../errors.ts";
import type { PlacementGroupId } from "../../protocol/ids.ts";
import type { FromHead, PlacementGroupDescription, PlacementGroupState } from "../../protocol/messages.ts";
import type { NewPlacementGroupSpec } from "../engine.ts";
import type { HeadLink } from "./head-link.ts";
import type { KeepAlive } from "./keep-alive.ts";

type Listener = (state: PlacementGroupState) => void;

interface Watched {
  state: PlacementGroupState | undefined;
  readonly listeners: Set<Listener>;
}

export class PlacementGroupDirectory {
  readonly #link: HeadLink;
  readonly #keepAlive: KeepAlive;
  readonly #watched = new Map<PlacementGroupId, Watched>();

  constructor(link: HeadLink, keepAlive: KeepAlive) {
    this.#link = link;
    this.#keepAlive = keepAlive;
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

  watch(groupId: PlacementGroupId, listener: Listener): () => void {
    let watched = this.#watched.get(groupId);
    if (watched === undefined) {
      watched = { state: undefined, listeners: new Set() };
      this.#watched.set(groupId, watched);
      this.#link.send({ type: "watch-group", groupId });
    } else if (watched.state !== undefined) listener(watched.state);
    const { listeners } = watched;
    // One entry for each call, also of the same function.
    const entry: Listener = (state) => listener(state);
    listeners.add(entry);
    this.#keepAlive.add();
    return () => {
      if (listeners.delete(entry)) this.#keepAlive.remove();
    };
  }

  changed(groupId: PlacementGroupId, state: PlacementGroupState): void {
    const watched = this.#watched.get(groupId);
    if (watched === undefined || watched.state === state) return;
    watched.state = state;
    for (const listener of [...watched.listeners]) listener(state);
  }

  /** The cluster is gone, and all groups with it. */
  close(): void {
    for (const groupId of this.#watched.keys()) this.changed(groupId, "removed");
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
