/** The far side of a language: answers in order, and warms up between requests. */
import type { CallOf, FromLanguage, LanguageMethod, ToLanguage } from "./messages.ts";
import type { NotebookLanguage } from "./notebook-language.ts";

type Answers = { readonly [M in LanguageMethod]: (argument: CallOf<M>["argument"]) => unknown };

/**
 * @param heard - called with each message of the kernel, before it is looked at.
 * @returns what to do with each message of the kernel.
 */
export function serveLanguage(
  language: NotebookLanguage,
  reply: (message: FromLanguage) => void,
  heard: () => void = () => {},
): (message: ToLanguage) => void {
  const answers: Answers = {
    compile: (argument) => language.compile(argument),
    forget: (argument) => language.forget(argument),
    diagnose: (argument) => language.diagnose(argument),
    complete: (argument) => language.complete(argument),
    inspect: (argument) => language.inspect(argument),
    places: (argument) => language.places(argument),
    rename: (argument) => language.rename(argument),
    isComplete: (argument) => language.isComplete(argument),
  };
  const answer = <M extends LanguageMethod>({ method, argument }: CallOf<M>): unknown => answers[method](argument);
  return (message) => {
    heard();
    if (message.type === "lend") {
      language.lend(message.version);
      return;
    }
    if (message.type === "commit") {
      language.commit(message.version, message.assigned);
      return;
    }
    try {
      reply({ type: "answered", id: message.id, value: answer(message.call) });
    } catch (error) {
      reply({ type: "failed", id: message.id, message: error instanceof Error ? error.message : String(error) });
    }
  };
}

/** One step at a time: a request that arrives meanwhile waits for one step, not for all. */
export function warmUp(steps: readonly (() => void)[]): void {
  const [step, ...others] = steps;
  if (!step) return;
  setImmediate(() => {
    try {
      step();
    } catch (error) {
      // The first request meets the same problem and reports it to somebody.
      process.emitWarning(`The language service could not warm up: ${String(error)}`);
      return;
    }
    warmUp(others);
  });
}
