/** Who wants to know how placement groups are. */
import type { PlacementGroupId } from "../../protocol/ids.ts";
import type { PlacementGroupState } from "../../protocol/messages.ts";
import type { KeepAlive } from "./keep-alive.ts";

type Listener = (state: PlacementGroupState) => void;

interface Watched {
  state: PlacementGroupState | undefined;
  readonly listeners: Set<Listener>;
}

export class GroupWatchers {
  readonly #subscribe: (groupId: PlacementGroupId) => void;
  readonly #keepAlive: KeepAlive;
  readonly #watched = new Map<PlacementGroupId, Watched>();

  /** @param subscribe - asks for the news of a group; called once for each. */
  constructor(subscribe: (groupId: PlacementGroupId) => void, keepAlive: KeepAlive) {
    this.#subscribe = subscribe;
    this.#keepAlive = keepAlive;
  }

  watch(groupId: PlacementGroupId, listener: Listener): () => void {
    let watched = this.#watched.get(groupId);
    if (watched === undefined) {
      watched = { state: undefined, listeners: new Set() };
      this.#watched.set(groupId, watched);
      this.#subscribe(groupId);
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
