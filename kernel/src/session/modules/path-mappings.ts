/**
 * What the `paths` of the project's `tsconfig.json` mean at run time. TypeScript only uses them to find types; Node
 * knows nothing of them.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** The part of the compiler's options that says where modules are. */
interface MappingOptions {
  readonly baseUrl?: string | undefined;
  readonly paths?: Readonly<Record<string, readonly string[]>> | undefined;
  readonly pathsBasePath?: unknown;
}

export class PathMappings {
  readonly #directory: string;
  /** The config that the options were read from; none yet when undefined. */
  #readFrom: string | undefined;
  #options: Promise<MappingOptions> = Promise.resolve({});

  /** @param directory - the notebook's; the nearest `tsconfig.json` above it counts. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Files that a specifier may mean, the likeliest first and perhaps without their extension. */
  async candidates(specifier: string): Promise<string[]> {
    const { baseUrl, paths = {}, pathsBasePath } = await this.#currentOptions();
    const base = baseUrl ?? (typeof pathsBasePath === "string" ? pathsBasePath : this.#directory);
    const match = longestMatch(Object.keys(paths), specifier);
    const mapped = match ? (paths[match.pattern] ?? []).map((path) => path.replace("*", match.rest)) : [];
    const fromBase = baseUrl === undefined ? [] : [specifier];
    return [...mapped, ...fromBase].map((path) => resolve(base, path));
  }

  /** An edited config counts at the next import. */
  #currentOptions(): Promise<MappingOptions> {
    const file = nearestConfig(this.#directory);
    const text = file === undefined ? "" : readFileSync(file, "utf8");
    const from = `${file ?? ""}\n${text}`;
    if (this.#readFrom !== from) {
      this.#readFrom = from;
      // The compiler is loaded only for a config that may map something.
      this.#options = /"(?:paths|baseUrl|extends)"/.test(text) ? readOptions(this.#directory) : Promise.resolve({});
    }
    return this.#options;
  }
}

async function readOptions(directory: string): Promise<MappingOptions> {
  const { compilerOptionsFor } = await import("../../language/compiler-options.ts");
  return compilerOptionsFor(directory);
}

function nearestConfig(directory: string): string | undefined {
  for (let at = directory; ; at = dirname(at)) {
    const file = join(at, "tsconfig.json");
    if (existsSync(file)) return file;
    if (dirname(at) === at) return undefined;
  }
}

/** As TypeScript chooses: a pattern without `*` first, else the one with the longest beginning. */
function longestMatch(patterns: readonly string[], specifier: string): { pattern: string; rest: string } | undefined {
  let best: { pattern: string; rest: string; length: number } | undefined;
  for (const pattern of patterns) {
    const [before = "", after] = pattern.split("*");
    if (after === undefined) {
      if (pattern === specifier) return { pattern, rest: "" };
      continue;
    }
    const fits =
      specifier.length >= before.length + after.length && specifier.startsWith(before) && specifier.endsWith(after);
    if (fits && before.length > (best?.length ?? -1)) {
      const rest = specifier.slice(before.length, specifier.length - after.length);
      best = { pattern, rest, length: before.length };
    }
  }
  return best;
}
