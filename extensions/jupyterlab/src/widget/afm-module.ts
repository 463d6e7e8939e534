/** Front-end modules of widgets: loaded from their text, and shown in an element. */
import type { AfmModel } from "./afm-model.ts";

type Cleanup = () => unknown;

interface AfmModule {
  initialize?(context: { model: AfmModel }): unknown;
  render?(context: { model: AfmModel; el: HTMLElement }): unknown;
}

/**
 * Load the module whose text is `esm` and let it draw into `el`.
 *
 * @returns what ends it.
 * @throws what the module throws.
 */
export async function showModule(esm: string, model: AfmModel, el: HTMLElement): Promise<() => Promise<void>> {
  const module = await loadModule(esm);
  const ends: unknown[] = [await module.initialize?.({ model })];
  ends.push(await module.render?.({ model, el }));
  return async () => {
    for (const end of ends.toReversed()) if (typeof end === "function") await (end as Cleanup)();
  };
}

/**
 * `import(url)` as the browser does it. Written out, TypeScript would wrap the argument in a helper for its own endings of
 * files, and the bundler would look for the module at build time.
 */
// oxlint-disable-next-line no-new-func, typescript/no-implied-eval
const importUrl = new Function("url", "return import(url)") as (url: string) => Promise<{ readonly default?: unknown }>;

async function loadModule(esm: string): Promise<AfmModule> {
  const url = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }));
  try {
    const loaded = await importUrl(url);
    const made: unknown =
      typeof loaded.default === "function" ? await (loaded.default as () => unknown)() : loaded.default;
    if (typeof made === "object" && made !== null) return made;
    throw new Error("The widget's module has no default export with a `render` function.");
  } finally {
    URL.revokeObjectURL(url);
  }
}
