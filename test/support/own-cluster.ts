/** A cluster of a test file's own, in a temporary folder of its own, which must be empty in the end. */
import { cluster, type InitOptions, init, shutdown } from "mobula";
import { afterAll, beforeAll } from "vitest";
import { OwnTemporaryFolder } from "./cluster-remains.ts";

/** Starts before the file's tests and ends after them. */
export function useOwnCluster(options: InitOptions): OwnTemporaryFolder {
  const folder = new OwnTemporaryFolder();
  const before = process.env["TMPDIR"];
  beforeAll(async () => {
    process.env["TMPDIR"] = folder.path;
    await init(options);
    folder.expectArena((await cluster()).objectStore.directory as string);
  });
  afterAll(async () => {
    await shutdown();
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
    await folder.expectEmpty();
    folder.remove();
  });
  return folder;
}
