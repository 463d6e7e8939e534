/** Regions that the head has given this process ahead of its need. It may take them back without a word. */
import type { WireRegion } from "../../protocol/messages.ts";
import { regionBytes } from "../../store/index.ts";

export class SpareRegions {
  /** By size, the one given last at the end: its memory was used last. */
  readonly #bySize = new Map<number, WireRegion[]>();

  add(regions: readonly WireRegion[]): void {
    for (const region of regions) {
      const sizeBytes = regionBytes(region.lengths);
      const same = this.#bySize.get(sizeBytes);
      if (same !== undefined) {
        same.push(region);
        continue;
      }
      // The head gives spares of one size at a time: it has taken back the others, or will.
      this.#bySize.clear();
      this.#bySize.set(sizeBytes, [region]);
    }
  }

  /** One for buffers of these lengths. It must be claimed before it is written. */
  take(lengths: readonly number[]): WireRegion | undefined {
    return this.#bySize.size === 0 ? undefined : this.#bySize.get(regionBytes(lengths))?.pop();
  }
}
