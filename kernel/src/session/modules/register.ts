/** Installs the module hooks of the session. */
import { register } from "node:module";
import type { HookData } from "./hooks.ts";

/** @param directory - the notebook's. */
export function registerModuleHooks(directory: string): void {
  register<HookData>("./hooks.js", { parentURL: import.meta.url, data: { directory } });
}
