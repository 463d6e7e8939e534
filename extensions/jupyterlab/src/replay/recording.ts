/** What the replay page is told, and what it tells. */
import type { LinkEvent } from "../link/state.ts";

export interface Recording {
  /** What the panel hears, oldest first. Null: no document is open. */
  readonly events: readonly LinkEvent[] | null;
  readonly nowMs: number;
}

export interface ReplayedGroup {
  readonly function: string;
  readonly cellId?: string;
}

export interface Replay {
  show(recording: Recording): void;
  /** Groups that were asked to be cancelled, in order. */
  readonly cancelled: ReplayedGroup[];
  /** Cells that were asked for, in order. */
  readonly revealed: string[];
}

declare global {
  interface Window {
    mobulaReplay: Replay;
  }
}
