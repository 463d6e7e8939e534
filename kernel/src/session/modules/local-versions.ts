/**
 * Gives a local module a new URL when its file, or a file it imports, has changed since the last import. Node keeps every
 * module it has loaded under its URL; a changed one must look like another module.
 */
import { statSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";

interface LocalModule {
  version: number;
  /** Modification time and size: what tells an edited file. */
  stamp: string;
  /** Path → version of the local modules it imports, as of its own version. */
  readonly imports: Map<string, number>;
}

export class LocalVersions {
  readonly #modules = new Map<string, LocalModule>();

  /** The URL for `url` as it is on disk now. `parentUrl` is the module that imports it. */
  versionedUrl(url: string, parentUrl: string | undefined): string {
    const path = fileURLToPath(url);
    const version = this.#refresh(path, new Set());
    const parent = parentUrl?.startsWith("file:") ? this.#modules.get(fileURLToPath(parentUrl)) : undefined;
    parent?.imports.set(path, version);
    if (version === 1) return url;
    const versioned = pathToFileURL(path);
    versioned.searchParams.set("v", String(version));
    return versioned.href;
  }

  /** The current version of `path`, raised when the file or one it imports has changed. */
  #refresh(path: string, visiting: Set<string>): number {
    const stamp = stampOf(path);
    const known = this.#modules.get(path);
    if (known === undefined) {
      this.#modules.set(path, { version: 1, stamp, imports: new Map() });
      return 1;
    }
    if (visiting.has(path)) return known.version; // A cycle: judged where it began.
    visiting.add(path);
    const imports = [...known.imports];
    const hasChanged = known.stamp !== stamp || imports.some(([to, seen]) => this.#refresh(to, visiting) !== seen);
    if (hasChanged) {
      known.version += 1;
      known.stamp = stamp;
      known.imports.clear();
    }
    return known.version;
  }
}

function stampOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? "missing" : `${stat.mtimeNs}:${stat.size}`;
}
