/** The guardian's connection to V8's inspector: it carries the debugger's commands to the main thread, even a paused one. */
import { Session as InspectorSession } from "node:inspector";
import type { SharedState } from "./shared-state.ts";

type Parameters = Readonly<Record<string, unknown>>;
/** Told of an event with the parts of it that the debugger reads. */
export type OnInspectorEvent = (method: string, params: Parameters) => void;

export class InspectorLink {
  readonly #shared: SharedState;
  readonly #onEvent: OnInspectorEvent;
  #session: InspectorSession | undefined;
  /** The domain `Debugger` is enabled. */
  #isDebugging = false;

  constructor(shared: SharedState, onEvent: OnInspectorEvent) {
    this.#shared = shared;
    this.#onEvent = onEvent;
  }

  /** Send a command of the DevTools protocol; the first one connects. `onDone` gets the answer, or what was wrong. */
  command(method: string, params: Parameters, onDone: (result: Parameters, error?: string) => void): void {
    const session = this.#connect();
    session.post(method, params, (error: Error | null, result?: object) => {
      if (error === null) this.#noteState(method);
      onDone((result ?? {}) as Parameters, error === null ? undefined : error.message);
    });
  }

  /** Let paused code go on, and none pause until `restorePauses`. */
  releasePause(): void {
    if (!this.#isDebugging) return;
    this.#session?.post("Debugger.setSkipAllPauses", { skip: true });
    this.#session?.post("Debugger.resume");
  }

  restorePauses(): void {
    if (this.#isDebugging) this.#session?.post("Debugger.setSkipAllPauses", { skip: false });
  }

  /** End the connection: breakpoints are gone, and paused code goes on. */
  disconnect(): void {
    this.#session?.disconnect();
    this.#session = undefined;
    this.#isDebugging = false;
    this.#shared.setInspected(false);
    this.#shared.setDebugging(false);
  }

  #connect(): InspectorSession {
    if (this.#session !== undefined) return this.#session;
    const session = new InspectorSession();
    session.connectToMainThread();
    this.#shared.setInspected(true);
    session.on("Debugger.paused", ({ params }) => this.#onEvent("Debugger.paused", params as unknown as Parameters));
    session.on("Debugger.resumed", () => this.#onEvent("Debugger.resumed", {}));
    session.on("Debugger.breakpointResolved", ({ params }) =>
      this.#onEvent("Debugger.breakpointResolved", params as unknown as Parameters),
    );
    // The rest of the event can be long: it holds the text of source maps.
    session.on("Debugger.scriptParsed", ({ params: { scriptId, url } }) =>
      this.#onEvent("Debugger.scriptParsed", { scriptId, url }),
    );
    this.#session = session;
    return session;
  }

  #noteState(method: string): void {
    if (method !== "Debugger.enable" && method !== "Debugger.disable") return;
    this.#isDebugging = method === "Debugger.enable";
    this.#shared.setDebugging(this.#isDebugging);
  }
}
