/** Where a program of this package lies as JavaScript, also when the caller runs from the TypeScript sources. */

/** @param path - from the package's root of sources, without extension: `node/head`. */
export function programUrl(path: string): URL {
  const here = import.meta.url;
  const root = here.endsWith(".ts") ? new URL("../../dist/", here) : new URL("../", here);
  return new URL(`${path}.js`, root);
}
