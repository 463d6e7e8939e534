// Joins the runtime's modules into a few files: of the time that a process takes to start, loading a hundred was a third.
import { existsSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { ROOT } from "./steps.mjs";

const DIST = join(ROOT, "runtime", "dist");
const CHUNKS = "chunks";
/** The compiler's memory of what it has written. Without it the compiler writes everything anew, and so undoes the joining. */
const BUILD_INFO = ".tsbuildinfo";

/** What is loaded together when a process starts. */
const STARTS = {
  driver: "index.js",
  head: "node/head.js",
  "head-program": "node/head-program.js",
  worker: "worker/main.js",
  "worker-program": "worker/program.js",
  control: "engine/local/control-thread.js",
};
/** Programs, which do something when they are loaded: files of their own. So is what users import, to export no more. */
const ENTRIES = [...Object.values(STARTS), "node/first-worker.js", "worker/link.js"];
/** Their code travels to workers, and what it uses goes by the names of its imports. In a chunk there would be none. */
const APART = ["queue-actor", "queue", "pool", "actor-pool", "placement-group"].map((name) => `api/${name}.js`);

/** Are the runtime's modules joined, and has the compiler not run since? */
export function isBundled(dist = DIST) {
  return existsSync(join(dist, CHUNKS)) && !existsSync(join(dist, BUILD_INFO));
}

/**
 * Modules that the same starts load become one chunk; where they were, files stay that export the same names from there. So
 * every path still leads to the one instance of a module, for user code and for what closures refer to. Modules that no start
 * loads stay as they are, and so do those in `APART`.
 *
 * @param {string} dist what the compiler has written, and nobody changed since
 */
export async function bundleRuntime(dist = DIST) {
  const rolldown = await loadRolldown();
  if (rolldown === undefined) return;
  const chunkOf = chunksOf(dist);
  const modules = [...chunkOf.keys(), ...ENTRIES];
  const bundle = await rolldown({
    input: Object.fromEntries(modules.map((path) => [path.slice(0, -".js".length), join(dist, path)])),
    platform: "neutral",
    // Chunks may export more, but an entry no more than its module does: `ENTRIES` are no part of any chunk.
    preserveEntrySignatures: "allow-extension",
    treeshake: false,
    plugins: [asCompiled(dist, chunkOf)],
  });
  rmSync(join(dist, BUILD_INFO), { force: true });
  rmSync(join(dist, CHUNKS), { recursive: true, force: true });
  await bundle.write({
    dir: dist,
    format: "esm",
    sourcemap: true,
    entryFileNames: "[name].js",
    chunkFileNames: `${CHUNKS}/[name].js`,
    minifyInternalExports: false,
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [{ debugName: "by start", name: (id) => chunkOf.get(relative(dist, id)) ?? null }],
    },
  });
  await bundle.close();
}

/** Nothing depends on it but the time that processes take to start. */
async function loadRolldown() {
  try {
    return (await import("rolldown")).rolldown;
  } catch (error) {
    console.log(`    The runtime's modules stay apart, and processes start slower: ${error.message.split("\n")[0]}`);
    return undefined;
  }
}

/** The chunk of each module that some start loads: named by all starts that do. So chunks import each other one way only. */
function chunksOf(dist) {
  const chunkOf = new Map();
  for (const [name, start] of Object.entries(STARTS)) {
    const reached = new Set([start]);
    for (const path of reached) for (const imported of importsOf(dist, path)) reached.add(imported);
    for (const path of reached) chunkOf.set(path, chunkOf.has(path) ? `${chunkOf.get(path)}+${name}` : name);
  }
  for (const path of [...ENTRIES, ...APART]) chunkOf.delete(path);
  return chunkOf;
}

function importsOf(dist, path) {
  const text = readFileSync(join(dist, path), "utf8");
  const lines = text.matchAll(/^(?:import|export)\s[^;]*?from\s+"(\.[^"]+)"|^import\s+"(\.[^"]+)"/gm);
  return Array.from(lines, (line) => join(dirname(path), line[1] ?? line[2]));
}

/** Modules with the maps that the compiler made for them. One in a chunk still sees its own place as `import.meta.url`. */
function asCompiled(dist, chunkOf) {
  return {
    name: "as-compiled",
    resolveId(specifier, importer) {
      if (importer === undefined) return undefined;
      if (!specifier.startsWith(".")) return { id: specifier, external: true };
      const id = join(dirname(importer), specifier);
      const path = relative(dist, id);
      return { id, external: chunkOf.has(path) || ENTRIES.includes(path) ? false : "relative" };
    },
    load(id) {
      const path = relative(dist, id);
      const code = readFileSync(id, "utf8");
      const own = `new URL(${JSON.stringify(`../${path}`)}, import.meta.url).href`;
      return {
        code: chunkOf.has(path) ? code.replaceAll("import.meta.url", own) : code,
        map: JSON.parse(readFileSync(`${id}.map`, "utf8")),
      };
    },
  };
}
