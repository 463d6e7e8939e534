/** For tests of this repository; no part of the public API. */
import { currentRuntime } from "./api/lifecycle.ts";
import { LocalEngine } from "./engine/local/local-engine.ts";
import type { HeadCheck } from "./protocol/messages.ts";

export { currentRuntime } from "./api/lifecycle.ts";
export { Runtime } from "./api/runtime.ts";
export type { Engine, TaskSpec } from "./engine/engine.ts";
export { startLocalEngine } from "./engine/local/start-head.ts";
export { RemoteEngine } from "./engine/remote/remote-engine.ts";
export { type HeadCheck, LocalEngine };

/** What the head of this process's cluster finds when it looks at itself. */
export function checkHead(): Promise<HeadCheck> {
  const { engine } = currentRuntime();
  if (!(engine instanceof LocalEngine)) throw new TypeError(`engine '${engine.name}' has no head to check`);
  return engine.check();
}
