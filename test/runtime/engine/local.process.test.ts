import { startLocalEngine } from "../../../runtime/src/engine/local/start-head.ts";
import { engineContract } from "../../contract/engine.ts";

engineContract("local", { create: () => startLocalEngine({ cpus: 2, objectStoreBytes: 64 * 1024 ** 2 }) });
