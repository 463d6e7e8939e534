/** The hash by which JupyterLab names a cell's text, the only one it knows. */

const MULTIPLIER = 0x5bd1e995;

/**
 * MurmurHash2 of the UTF-8 bytes of `text`, as an unsigned 32-bit number.
 *
 * @see https://github.com/aappleby/smhasher, `MurmurHash2.cpp`
 */
export function murmur2(text: string, seed: number): number {
  const bytes = new TextEncoder().encode(text);
  const view = new DataView(bytes.buffer);
  const whole = bytes.length - (bytes.length % 4);
  let hash = seed ^ bytes.length;
  for (let at = 0; at < whole; at += 4) {
    let block = Math.imul(view.getUint32(at, true), MULTIPLIER);
    block ^= block >>> 24;
    hash = Math.imul(hash, MULTIPLIER) ^ Math.imul(block, MULTIPLIER);
  }
  if (whole < bytes.length) {
    for (let at = bytes.length - 1; at >= whole; at--) hash ^= (bytes[at] ?? 0) << (8 * (at - whole));
    hash = Math.imul(hash, MULTIPLIER);
  }
  hash ^= hash >>> 13;
  hash = Math.imul(hash, MULTIPLIER);
  return (hash ^ (hash >>> 15)) >>> 0;
}
