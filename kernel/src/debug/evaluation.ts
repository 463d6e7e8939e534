/** Expressions of the front end, evaluated in a frame or on the global object. */
import { type Conversation, DebugRequestError, inspect } from "./conversation.ts";
import type { CallFrame, JsonObject, RemoteObject } from "./protocol.ts";
import { describeValue } from "./values.ts";

/** V8 ends an expression that runs longer: nothing else could stop it, as the code is paused in the middle of it. */
const TIMEOUT_MS = 5000;

/** Where the session keeps what shows a value; see `session/debug-views.ts`. */
const VIEWS = 'globalThis[Symbol.for("mobula.session.debugViews")]';

const NAME = /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u;

export interface EvaluationPlace {
  /** Default: the global object. */
  readonly frame?: CallFrame;
  /** V8's name for the objects that the result brings. */
  readonly group: string;
  /** Refuse what has effects. */
  readonly isHover?: boolean;
}

interface Evaluated {
  readonly result: RemoteObject;
  readonly exceptionDetails?: { readonly exception?: RemoteObject; readonly text: string };
}

/** Evaluate JavaScript. Throws what the expression throws, as a sentence. */
export function* evaluate(
  expression: string,
  { frame, group, isHover = false }: EvaluationPlace,
): Conversation<RemoteObject> {
  const shared = {
    expression,
    objectGroup: group,
    generatePreview: true,
    silent: true,
    throwOnSideEffect: isHover,
    timeout: TIMEOUT_MS,
  };
  const { result, exceptionDetails } =
    frame === undefined
      ? yield* inspect<Evaluated>("Runtime.evaluate", { ...shared, replMode: true })
      : yield* inspect<Evaluated>("Debugger.evaluateOnCallFrame", { ...shared, callFrameId: frame.callFrameId });
  if (exceptionDetails === undefined) return result;
  const { exception, text } = exceptionDetails;
  throw new DebugRequestError(exception === undefined ? text : firstLine(exception));
}

/** A variable as the display of a cell's result would show it; while the code is paused, as text. */
export function* richView(name: string, frame: CallFrame | undefined): Conversation<JsonObject> {
  if (!NAME.test(name)) return { data: {}, metadata: {} };
  const { result } = yield* frame === undefined
    ? inspect<Evaluated>("Runtime.evaluate", {
        expression: `${VIEWS}.bundle(${name})`,
        awaitPromise: true,
        returnByValue: true,
        silent: true,
      })
    : inspect<Evaluated>("Debugger.evaluateOnCallFrame", {
        callFrameId: frame.callFrameId,
        expression: `${VIEWS}.text(${name})`,
        returnByValue: true,
        silent: true,
        timeout: TIMEOUT_MS,
      });
  return (result.value ?? { data: {}, metadata: {} }) as JsonObject;
}

/** The same in a process that has no views: the value in one line. */
export function* plainView(name: string, frame: CallFrame, group: string): Conversation<JsonObject> {
  if (!NAME.test(name)) return { data: {}, metadata: {} };
  return { data: { "text/plain": describeValue(yield* evaluate(name, { frame, group })) }, metadata: {} };
}

function firstLine(exception: RemoteObject): string {
  return (exception.description ?? describeValue(exception)).split("\n")[0] ?? "";
}
