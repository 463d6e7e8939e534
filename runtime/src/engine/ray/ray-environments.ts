/** Environments of work on a Ray cluster: folders that they name on this machine go along, once for each content. */
import { createHash } from "node:crypto";
import { hasCode } from "../../errors.ts";
import type { ObjectId } from "../../protocol/ids.ts";
import type { WireEnvironment } from "../../protocol/messages.ts";
import type { RayEnvironment, RayFolder } from "../../protocol/ray.ts";
import { FolderReader, WORKING_DIR } from "./folder-reader.ts";

/** A package in a file or folder: an optional `name@`, an optional `file:`, and the path. */
const LOCAL_PACKAGE = /^((?:(?:@[^/@]+\/)?[^/@:]+@)?(?:file:(?:\/\/(?=\/))?)?)(\/.+)$/;

type SentFolder = Pick<RayFolder, "id" | "hash" | "file">;

export class RayEnvironments {
  readonly #put: (archive: Uint8Array) => ObjectId;
  readonly #reader = new FolderReader();
  /** By content. */
  readonly #sent = new Map<string, ObjectId>();
  /** By the path where they are here. */
  readonly #received = new Map<string, SentFolder>();
  readonly #prepared = new WeakMap<WireEnvironment, RayEnvironment>();

  /** @param put - keeps an archive in the cluster as long as this process is connected. */
  constructor(put: (archive: Uint8Array) => ObjectId) {
    this.#put = put;
  }

  /** What is at `path` came from the cluster, and need not be sent again. */
  receive(path: string, folder: SentFolder): void {
    this.#received.set(path, folder);
  }

  /** As the cluster takes it; with a `problem` when there cannot be such an environment. */
  prepare(environment: WireEnvironment): RayEnvironment {
    if (environment.workingDir === undefined && environment.npm === undefined) return environment;
    const known = this.#prepared.get(environment);
    if (known !== undefined) return known;
    try {
      const made = this.#make(environment);
      this.#prepared.set(environment, made);
      return made;
    } catch (error) {
      if (!hasCode(error, "RUNTIME_ENV_SETUP")) throw error;
      // Not kept: the next try may be better.
      return { id: environment.id, envVars: {}, problem: (error as Error).message };
    }
  }

  #make({ workingDir, npm, ...rest }: WireEnvironment): RayEnvironment {
    const folders: RayFolder[] = workingDir === undefined ? [] : [this.#send(workingDir, WORKING_DIR)];
    for (const [specIndex, spec] of (npm?.specs ?? []).entries()) {
      const [, prefix, path] = LOCAL_PACKAGE.exec(spec) ?? [];
      if (prefix === undefined || path === undefined) continue;
      folders.push({ ...this.#send(path, "The npm package"), package: { specIndex, prefix } });
    }
    const names = Object.entries(rest.envVars).sort(([a], [b]) => (a < b ? -1 : 1));
    const content = JSON.stringify([names, folders.map(({ hash }) => hash), rest.baseDir, npm?.key]);
    const id = createHash("sha256").update(content).digest("hex").slice(0, 20);
    return { ...rest, id, ...(npm === undefined ? {} : { npm }), folders };
  }

  #send(path: string, what: string): SentFolder {
    const received = this.#received.get(path);
    if (received !== undefined) return received;
    const { hash, archive, file } = this.#reader.read(path, what);
    let id = this.#sent.get(hash);
    if (id === undefined) {
      id = this.#put(archive);
      this.#sent.set(hash, id);
    }
    return { id, hash, ...(file === undefined ? {} : { file }) };
  }
}
