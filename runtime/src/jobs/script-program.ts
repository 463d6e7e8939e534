/** Runs a script in TypeScript or JavaScript as `node` would, on any Node and with packages of Mobula's own installation. */
import { register } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [node = process.execPath, , script = "", ...args] = process.argv;
const path = resolve(script);
process.argv = [node, path, ...args];
// Those of the kernel's sessions.
const kernel = import.meta.resolve("@mobula/kernel");
register("./session/modules/hooks.js", { parentURL: kernel, data: { directory: process.cwd() } });
await import(pathToFileURL(path).href);
