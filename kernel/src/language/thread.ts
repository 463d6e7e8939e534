/** The language as a thread: loads TypeScript and the library files when it starts. */
import { parentPort, workerData } from "node:worker_threads";
import type { LanguageThreadData, ToLanguage } from "./messages.ts";
import { NotebookLanguage } from "./notebook-language.ts";
import { serveLanguage, warmUp } from "./server.ts";

if (!parentPort) throw new Error("This file is the entry of a worker thread.");
const port = parentPort;
const language = new NotebookLanguage(workerData as LanguageThreadData);
const handle = serveLanguage(language, (message) => port.postMessage(message));
port.on("message", (messages: readonly ToLanguage[]) => messages.forEach(handle));
warmUp(language.warmUpSteps());
