/** Makes environments ready for their processes: checks folders, installs packages. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { RuntimeEnvError, toWireError, type WireError } from "../errors.ts";
import type { WireEnvironment } from "../protocol/messages.ts";
import { cacheDirectory } from "./cache-directory.ts";
import { type InstalledPackages, installPackages } from "./npm-packages.ts";

/** As long as in Ray. */
export const SETUP_TIMEOUT_MS = 600_000;

export interface EnvironmentHooks {
  onReady(environmentId: string): void;
  onFailed(environmentId: string, error: WireError): void;
  /** How it goes, for those who wait. */
  onText(environmentId: string, text: string): void;
}

/** What a process of an environment has to know. */
export interface PreparedEnvironment {
  readonly environment: WireEnvironment;
  readonly packages?: InstalledPackages;
}

export class Environments {
  readonly #hooks: EnvironmentHooks;
  readonly #packages = new Map<string, InstalledPackages>();
  readonly #abort = new AbortController();

  constructor(hooks: EnvironmentHooks) {
    this.#hooks = hooks;
  }

  prepare(environment: WireEnvironment): void {
    this.#prepare(environment).then(
      () => this.#hooks.onReady(environment.id),
      (error: unknown) => this.#hooks.onFailed(environment.id, toWireError(error)),
    );
  }

  async #prepare({ id, workingDir, npm, setupTimeoutMs }: WireEnvironment): Promise<void> {
    if (workingDir !== undefined) await checkFolder(workingDir);
    if (npm === undefined) return;
    const packages = await installPackages({
      ...npm,
      root: join(cacheDirectory(), "npm"),
      timeoutMs: setupTimeoutMs ?? SETUP_TIMEOUT_MS,
      signal: this.#abort.signal,
      onText: (text) => this.#hooks.onText(id, text),
    });
    this.#packages.set(id, packages);
  }

  prepared(environment: WireEnvironment): PreparedEnvironment {
    const packages = this.#packages.get(environment.id);
    return packages === undefined ? { environment } : { environment, packages };
  }

  /** End what is being installed. */
  close(): void {
    this.#abort.abort();
  }
}

async function checkFolder(workingDir: string): Promise<void> {
  const found = await stat(workingDir).catch(() => undefined);
  if (found?.isDirectory() === true) return;
  const what = found === undefined ? "does not exist" : "is no folder";
  throw new RuntimeEnvError(`workingDir '${workingDir}' ${what} on the machine of the cluster.`);
}
