/**
 * A notebook's debugger at this worker: what it says over a socket goes to V8's inspector of the main thread, and back.
 * It runs on the control thread, because a main thread that stands in user code answers nobody itself.
 *
 * Both sides send lines of JSON. The first is ours, a {@link Greeting}.
 */
import { Session } from "node:inspector";
import { connect, type Socket } from "node:net";
import { StringDecoder } from "node:string_decoder";
import type { StackFrame } from "../../protocol/state.ts";
import { type CallFrame, describeStack } from "./stack-dump.ts";

interface Greeting {
  readonly type: "hello";
  /** From the address: it shows that the cluster sent us. */
  readonly token: string;
  /** How a person calls this process. */
  readonly name: string;
}

type Parameters = Readonly<Record<string, unknown>>;

interface Command {
  readonly id: number;
  readonly method: string;
  readonly params: Parameters;
}

export interface DebuggerLinkOptions {
  /** `PORT/TOKEN`: debuggers listen on the loopback interface only. */
  readonly address: string;
  readonly name: string;
  /** It has set its breakpoints, or will never. */
  readonly onReady: () => void;
  readonly onEnd: () => void;
  /** Asked when the main thread stands: for the user of this debugger, of another one, or of none. */
  readonly whoseCall: () => "ours" | "another's" | "nobody's";
}

export class DebuggerLink {
  readonly #options: DebuggerLinkOptions;
  readonly #socket: Socket;
  readonly #urls = new Map<string, string>();
  #session: Session | undefined;
  #pausedAt: readonly CallFrame[] | undefined;
  #pausedSinceMs = 0;
  #pausedMs = 0;
  #isOver = false;

  constructor(options: DebuggerLinkOptions) {
    this.#options = options;
    const [port, token = ""] = options.address.split("/");
    const greeting: Greeting = { type: "hello", token, name: options.name };
    this.#socket = connect(Number(port), "127.0.0.1");
    this.#socket.setNoDelay(true);
    this.#socket.once("connect", () => this.#send(greeting));
    this.#readLines();
    // "close" follows.
    this.#socket.on("error", () => {});
    this.#socket.once("close", () => this.end());
  }

  /** The main thread stands where the debugger's user looks at it. */
  get isPaused(): boolean {
    return this.#pausedAt !== undefined;
  }

  /** How long it has stood altogether. */
  get pausedMs(): number {
    return this.#pausedMs + (this.isPaused ? performance.now() - this.#pausedSinceMs : 0);
  }

  /** Where it stands, innermost frame first. */
  get frames(): readonly StackFrame[] {
    return describeStack(this.#pausedAt ?? [], this.#urls);
  }

  /** Let it go on, and not stop again before {@link restorePauses}. */
  releasePause(): void {
    this.#session?.post("Debugger.setSkipAllPauses", { skip: true });
    this.#session?.post("Debugger.resume");
  }

  restorePauses(): void {
    this.#session?.post("Debugger.setSkipAllPauses", { skip: false });
  }

  /** Breakpoints are gone, and the main thread goes on. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket.destroy();
    this.#session?.disconnect();
    this.#session = undefined;
    this.#resumed();
    this.#options.onReady();
    this.#options.onEnd();
  }

  #readLines(): void {
    const decoder = new StringDecoder("utf8");
    let rest = "";
    this.#socket.on("data", (chunk: Buffer) => {
      const lines = (rest + decoder.write(chunk)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#perform(JSON.parse(line) as Command);
    });
  }

  #perform({ id, method, params }: Command): void {
    if (method === "Runtime.runIfWaitingForDebugger") {
      this.#options.onReady();
      this.#send({ type: "answered", id, result: {} });
      return;
    }
    this.#connected().post(method, params, (error: Error | null, result?: object) => {
      this.#send({ type: "answered", id, result: result ?? {}, ...(error === null ? {} : { error: error.message }) });
    });
  }

  #connected(): Session {
    if (this.#session !== undefined) return this.#session;
    const session = new Session();
    session.connectToMainThread();
    session.on("Debugger.paused", ({ params }) => {
      const whose = this.#options.whoseCall();
      if (whose === "nobody's") session.post("Debugger.resume");
      if (whose !== "ours") return;
      this.#pausedAt = params.callFrames;
      this.#pausedSinceMs = performance.now();
      this.#tell("Debugger.paused", params as unknown as Parameters);
    });
    session.on("Debugger.resumed", () => {
      this.#resumed();
      this.#tell("Debugger.resumed", {});
    });
    // The rest of the event can be long: it holds the text of source maps.
    session.on("Debugger.scriptParsed", ({ params: { scriptId, url } }) => {
      this.#urls.set(scriptId, url);
      this.#tell("Debugger.scriptParsed", { scriptId, url });
    });
    this.#session = session;
    return session;
  }

  #resumed(): void {
    this.#pausedMs = this.pausedMs;
    this.#pausedAt = undefined;
  }

  #tell(method: string, params: Parameters): void {
    this.#send({ type: "event", method, params });
  }

  #send(message: object): void {
    if (this.#socket.writable) this.#socket.write(`${JSON.stringify(message)}\n`);
  }
}
