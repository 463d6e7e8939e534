/** Installs the module hooks of the session. */
import { register } from "node:module";

export function registerModuleHooks(): void {
  register("./hooks.js", import.meta.url);
}
