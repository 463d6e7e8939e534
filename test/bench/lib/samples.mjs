// One value per row, side and run: collected here, and compared only where the sides came to the same result.
import { run, SetupError } from "../../../scripts/lib/steps.mjs";

/** @param {Record<string, string>} units of each row */
export function emptySamples(units, peers) {
  return Object.entries(units).map(([row, unit]) => ({
    row,
    unit,
    ours: [],
    peers: Object.fromEntries(peers.map((peer) => [peer, []])),
  }));
}

/** What one side printed: `{"row": {"value", "result"}}`. */
export async function measured(command, args, side, options = {}) {
  const { output } = await run(command, args, {
    ...options,
    failure: `The ${side} side of the benchmark failed; its words are above.`,
  });
  return JSON.parse(output.trim().split("\n").at(-1));
}

/** A peer that cannot do what the row measures has no value in it. @throws SetupError when a side came to another result */
export function addSamples(samples, peers, { mobula, ...others }) {
  for (const sample of samples) {
    const ours = mobula[sample.row];
    if (ours === undefined) throw new SetupError(`${sample.row}: Mobula has no value.`);
    sample.ours.push(ours.value);
    for (const peer of peers) {
      const theirs = others[peer][sample.row];
      // One that lost its answer in this run (Deno's may come after the cell has ended) has no sample of it.
      if (theirs === undefined || theirs.result === undefined) continue;
      if (theirs.result !== ours.result) {
        throw new SetupError(
          `${sample.row}: Mobula gave ${ours.result} and ${peer} ${theirs.result}; unequal results are not compared.`,
        );
      }
      sample.peers[peer].push(theirs.value);
    }
  }
}
