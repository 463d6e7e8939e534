/** The JavaScript stack of the main thread, taken from another thread while user code spins. */
import { Session } from "node:inspector";
import type { StackFrame } from "../../protocol/state.ts";

export interface CallFrame {
  readonly functionName: string;
  readonly location: {
    readonly scriptId: string;
    readonly lineNumber: number;
    readonly columnNumber?: number | undefined;
  };
}

let underWay: Promise<readonly StackFrame[]> | undefined;

/**
 * Pause the main thread for a moment and read its stack, innermost frame first; empty when it runs no JavaScript. A
 * profile's sample would not stop it, but starting the profiler walks the whole heap, and gives lines of functions only.
 *
 * @param withinMs - JavaScript that runs is caught within milliseconds, on a machine that has time for it.
 */
export function dumpMainThread(withinMs: number): Promise<readonly StackFrame[]> {
  underWay ??= dump(withinMs).finally(() => {
    underWay = undefined;
  });
  return underWay;
}

function dump(withinMs: number): Promise<readonly StackFrame[]> {
  return new Promise((resolve) => {
    const session = new Session();
    session.connectToMainThread();
    const urls = new Map<string, string>();
    let isOver = false;
    const finish = (frames: readonly CallFrame[]): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(limit);
      // Disabling takes back a pause that has not come.
      session.post("Debugger.resume");
      session.post("Debugger.disable", () => {
        session.disconnect();
        resolve(describeStack(frames, urls));
      });
    };
    const limit = setTimeout(finish, withinMs, []);
    session.on("Debugger.paused", ({ params }) => {
      if (isOver) session.post("Debugger.resume");
      else finish(params.callFrames);
    });
    session.on("Debugger.scriptParsed", ({ params: { scriptId, url } }) => void urls.set(scriptId, url));
    session.post("Debugger.enable");
    session.post("Debugger.pause");
  });
}

/** Frames of V8 with the names of their scripts, without those of this package. */
export function describeStack(frames: readonly CallFrame[], urls: ReadonlyMap<string, string>): readonly StackFrame[] {
  return withoutOwnFrames(frames.map((frame) => toFrame(frame, urls)));
}

/** Frames below the user's: this package's, and Node's own. */
const OWN_FILE =
  /[/\\](?:runtime|mobula|mobula_programs[/\\][^/\\]+[/\\]node)[/\\](?:dist|src)[/\\](?:worker|ray-worker|engine|api|node|protocol|closure|chunks)[/\\]|^node:/;

/** What led to the user's code says nothing to them; but when nothing else runs, it is what there is. */
function withoutOwnFrames(frames: readonly StackFrame[]): readonly StackFrame[] {
  const last = frames.findLastIndex(({ file }) => !OWN_FILE.test(file));
  return last < 0 ? frames : frames.slice(0, last + 1);
}

function toFrame({ functionName, location }: CallFrame, urls: ReadonlyMap<string, string>): StackFrame {
  return {
    function: functionName,
    file: urls.get(location.scriptId) ?? "",
    line: location.lineNumber + 1,
    column: (location.columnNumber ?? 0) + 1,
  };
}
