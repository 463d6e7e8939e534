// Makes the snapshot from which the kernel's language process starts: loading TypeScript and the library files took it a second.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "./steps.mjs";

const KERNEL = join(ROOT, "kernel");
const ENTRY = "dist/language/process.js";
const FOLDER = "dist/snapshot";

/** The snapshot for this Node. @see kernel/src/language/snapshot.ts */
export function snapshotPath(kernel = KERNEL) {
  return join(kernel, FOLDER, `${process.version}-${process.platform}-${process.arch}.blob`);
}

/** Is there one, and of the code as it is now? */
export async function hasLanguageSnapshot(kernel = KERNEL) {
  const { findSnapshot } = await import(pathToFileURL(join(kernel, "dist/language/snapshot.js")).href);
  return findSnapshot() !== undefined;
}

/** @param {string} kernel directory of the kernel's package, compiled */
export async function makeLanguageSnapshot(kernel = KERNEL) {
  const folder = join(kernel, FOLDER);
  rmSync(folder, { recursive: true, force: true });
  const script = join(folder, "language.cjs");
  const files = await joinModules(kernel, script);
  if (files === undefined) return;
  const path = snapshotPath(kernel);
  const unfinished = `${path}.new`;
  const args = ["--snapshot-blob", unfinished, "--build-snapshot", script];
  const { NODE_OPTIONS: _, ...env } = process.env;
  const { status, stderr } = spawnSync(process.execPath, args, { env, encoding: "utf8" });
  if (status !== 0) {
    const reason = stderr.trim().split("\n").at(-1);
    console.log(`    The language service starts as a thread, which is slower; no snapshot could be made: ${reason}`);
    return;
  }
  writeFileSync(`${path}.json`, JSON.stringify({ files: recordOf(files) }));
  renameSync(unfinished, path);
  rmSync(script);
}

/** A snapshot is made of one file. Each module keeps its own place, from which it finds others. */
async function joinModules(kernel, file) {
  let rolldown;
  try {
    ({ rolldown } = await import("rolldown"));
  } catch (error) {
    console.log(`    The language service starts as a thread, which is slower: ${error.message.split("\n")[0]}`);
    return undefined;
  }
  const files = [];
  const bundle = await rolldown({
    input: join(kernel, ENTRY),
    platform: "node",
    logLevel: "silent",
    plugins: [
      {
        name: "places",
        load(id) {
          if (!id.startsWith("/")) return null;
          files.push(id);
          const code = readFileSync(id, "utf8");
          return code
            .replaceAll("import.meta.url", JSON.stringify(pathToFileURL(id).href))
            .replaceAll(/(?<![\w.$])__filename(?![\w$])/g, JSON.stringify(id));
        },
      },
    ],
  });
  mkdirSync(join(kernel, FOLDER), { recursive: true });
  await bundle.write({ file, format: "cjs" });
  await bundle.close();
  return [...files, ...typeFiles(kernel)];
}

/** What was parsed and lies outside of `node_modules`, and what says which version the rest is of. */
function typeFiles(kernel) {
  const require = createRequire(join(kernel, "package.json"));
  const resources = join(kernel, "resources");
  const packages = ["typescript", "@types/node"].map((name) => require.resolve(`${name}/package.json`));
  return [
    ...packages,
    ...readdirSync(resources)
      .map((name) => join(resources, name))
      .filter((path) => path.endsWith(".d.ts")),
  ];
}

function recordOf(files) {
  const entries = files.map((path) => {
    const { mtimeMs, size } = statSync(path);
    return [path, [mtimeMs, size]];
  });
  return Object.fromEntries(entries);
}
