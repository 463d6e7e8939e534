/** The language thread: loads TypeScript at once, warms up between requests, and answers them in order. */
import { parentPort, workerData } from "node:worker_threads";
import type { CallOf, FromLanguageThread, LanguageMethod, LanguageThreadData, ToLanguageThread } from "./messages.ts";
import { NotebookLanguage } from "./notebook-language.ts";

if (!parentPort) throw new Error("This file is the entry of a worker thread.");
const port = parentPort;
const language = new NotebookLanguage(workerData as LanguageThreadData);
const answers: { readonly [M in LanguageMethod]: (argument: CallOf<M>["argument"]) => unknown } = {
  compile: (argument) => language.compile(argument),
  forget: (argument) => language.forget(argument),
  diagnose: (argument) => language.diagnose(argument),
  complete: (argument) => language.complete(argument),
  inspect: (argument) => language.inspect(argument),
  places: (argument) => language.places(argument),
  rename: (argument) => language.rename(argument),
  isComplete: (argument) => language.isComplete(argument),
};
const reply = (message: FromLanguageThread): void => port.postMessage(message);

port.on("message", (message: ToLanguageThread) => {
  if (message.type === "commit") {
    language.commit(message.version, message.assigned);
    return;
  }
  try {
    reply({ type: "answered", id: message.id, value: answer(message.call) });
  } catch (error) {
    reply({ type: "failed", id: message.id, message: error instanceof Error ? error.message : String(error) });
  }
});
warmUp([...language.warmUpSteps()]);

function answer<M extends LanguageMethod>({ method, argument }: CallOf<M>): unknown {
  return answers[method](argument);
}

/** One step at a time: a request that arrives meanwhile waits for one step, not for all. */
function warmUp(steps: (() => void)[]): void {
  const step = steps.shift();
  if (!step) return;
  setImmediate(() => {
    try {
      step();
    } catch (error) {
      // The first request meets the same problem and reports it to somebody.
      process.emitWarning(`The language service could not warm up: ${String(error)}`);
      return;
    }
    warmUp(steps);
  });
}
