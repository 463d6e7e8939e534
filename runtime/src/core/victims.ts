/** Which objects go to files when room is needed. */
import type { ObjectId } from "../protocol/ids.ts";
import type { WireRegion } from "../protocol/messages.ts";

/** An object that may go. */
export interface Victim {
  readonly objectId: ObjectId;
  readonly region: WireRegion;
  readonly sizeBytes: number;
  /** Lower for those that came to the arena earlier. */
  readonly since: number;
}

export interface Need {
  /** Bytes in one piece. */
  readonly sizeBytes: number;
  /** Bytes that files may still take. */
  readonly budget: number;
  /** Bytes that must go although there may be a hole that is large enough: the system lacks them. */
  readonly mountDeficit: number;
}

interface Piece {
  readonly start: number;
  readonly end: number;
  readonly victim?: Victim;
}

/**
 * Neighbours whose end, with the free ranges between them, leaves one hole that is large enough. Of all such groups the one
 * with the fewest bytes of recent objects: bytes weigh more the later their object came.
 *
 * @param free - free ranges of the arena
 * @returns nothing when there is no such group within the budget.
 */
export function chooseVictims(
  free: readonly { readonly start: number; readonly end: number }[],
  candidates: readonly Victim[],
  need: Need,
): readonly Victim[] {
  if (need.mountDeficit > 0) return oldest(candidates, need);
  const pieces: Piece[] = [
    ...free,
    ...candidates.map((victim) => ({
      start: victim.region.offset,
      end: victim.region.offset + victim.sizeBytes,
      victim,
    })),
  ].sort((a, b) => a.start - b.start);
  const first = candidates.reduce((least, { since }) => Math.min(least, since), Number.POSITIVE_INFINITY);
  const costOf = ({ victim }: Piece): number =>
    victim === undefined ? 0 : victim.sizeBytes * (victim.since - first + 1);
  const bytesOf = ({ victim }: Piece): number => victim?.sizeBytes ?? 0;

  let best: readonly [from: number, to: number] | undefined;
  let bestCost = Number.POSITIVE_INFINITY;
  let from = 0;
  let cost = 0;
  let bytes = 0;
  for (const [to, piece] of pieces.entries()) {
    if (to > 0 && pieces[to - 1]?.end !== piece.start) {
      // Something between them stays: a group cannot reach across.
      from = to;
      cost = 0;
      bytes = 0;
    }
    cost += costOf(piece);
    bytes += bytesOf(piece);
    // Without its first piece the group may still be large enough.
    for (let head = pieces[from] as Piece; piece.end - head.end >= need.sizeBytes; head = pieces[++from] as Piece) {
      cost -= costOf(head);
      bytes -= bytesOf(head);
    }
    const isLargeEnough = piece.end - (pieces[from]?.start ?? 0) >= need.sizeBytes;
    if (isLargeEnough && bytes <= need.budget && cost < bestCost) {
      best = [from, to];
      bestCost = cost;
    }
  }
  if (best === undefined) return [];
  return pieces.slice(best[0], best[1] + 1).flatMap(({ victim }) => (victim === undefined ? [] : [victim]));
}

function oldest(candidates: readonly Victim[], { budget, mountDeficit }: Need): readonly Victim[] {
  const chosen: Victim[] = [];
  let bytes = 0;
  for (const victim of [...candidates].sort((a, b) => a.since - b.since)) {
    if (bytes >= mountDeficit) break;
    if (bytes + victim.sizeBytes > budget) continue;
    chosen.push(victim);
    bytes += victim.sizeBytes;
  }
  return chosen;
}
