/** For tests of this repository; no part of the public API. */
export { Runtime } from "./api/runtime.ts";
export type { Engine, TaskSpec } from "./engine/engine.ts";
export { LocalEngine } from "./engine/local/local-engine.ts";
export { startLocalEngine } from "./engine/local/start-head.ts";
