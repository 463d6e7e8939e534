/** A front end's debugger: sends DAP requests on the control channel and hears the events on IOPub. */
import type { JsonObject, KernelClient } from "../../../kernel/src/client/index.ts";

export interface Variable {
  readonly name: string;
  readonly value: string;
  readonly type: string;
  readonly variablesReference: number;
}

interface Frame {
  readonly id: number;
  readonly name: string;
  readonly line: number;
  readonly source: { readonly path: string };
}

interface DebugEvent {
  readonly event: string;
  readonly body: JsonObject;
}

const WAIT_MS = 30_000;

export class DebugClient {
  readonly events: DebugEvent[] = [];
  private readonly client: KernelClient;
  private readonly stopListening: () => void;
  /** Checks of whoever waits for an event, and the ends of their waits. */
  private readonly waiting = new Map<() => void, NodeJS.Timeout>();
  private seen = 0;
  private seq = 0;

  constructor(client: KernelClient) {
    this.client = client;
    this.stopListening = client.onIopub(({ header, content }) => {
      if (header.msg_type !== "debug_event") return;
      this.events.push(content as unknown as DebugEvent);
      for (const check of [...this.waiting.keys()]) check();
    });
  }

  /** Hear no more events; whoever still waits for one waits in vain. */
  close(): void {
    this.stopListening();
    for (const timer of this.waiting.values()) clearTimeout(timer);
    this.waiting.clear();
  }

  /** The whole response, also of a request that failed. */
  ask(command: string, args: JsonObject = {}): Promise<JsonObject> {
    this.seq += 1;
    return this.client.request("control", "debug_request", {
      type: "request",
      seq: this.seq,
      command,
      arguments: args,
    });
  }

  /** The body of a response that must succeed. */
  async request<Body = JsonObject>(command: string, args: JsonObject = {}): Promise<Body> {
    const { success, message, body } = await this.ask(command, args);
    if (success !== true) throw new Error(`${command} failed: ${String(message)}`);
    return body as Body;
  }

  /** What a front end does when its user presses the bug. */
  async attach(): Promise<void> {
    await this.request("initialize", { clientID: "test", linesStartAt1: true, columnsStartAt1: true });
    await this.request("attach");
    await this.next("initialized");
  }

  /** Set breakpoints on lines of a cell; returns where they are. */
  async breakAt(code: string, ...lines: readonly number[]): Promise<number[]> {
    const { sourcePath } = await this.request<{ sourcePath: string }>("dumpCell", { code });
    const { breakpoints } = await this.request<{ breakpoints: { line: number }[] }>("setBreakpoints", {
      source: { path: sourcePath },
      breakpoints: lines.map((line) => ({ line })),
      sourceModified: false,
    });
    await this.request("configurationDone");
    return breakpoints.map(({ line }) => line);
  }

  /** The body of the next event of this name that nobody has waited for; others before it are passed over. */
  async next(event: string): Promise<JsonObject> {
    const find = (): DebugEvent | undefined => {
      const index = this.events.findIndex((each, at) => at >= this.seen && each.event === event);
      if (index < 0) return undefined;
      this.seen = index + 1;
      return this.events[index];
    };
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(check);
        const heard = this.events.map((each) => each.event).join(", ");
        reject(new Error(`No '${event}' event within ${WAIT_MS} ms; heard: ${heard}`));
      }, WAIT_MS);
      const check = (): void => {
        const found = find();
        if (found === undefined) return;
        clearTimeout(timer);
        this.waiting.delete(check);
        resolve(found.body);
      };
      this.waiting.set(check, timer);
      check();
    });
  }

  /** Wait until the code stops; returns the stack. */
  async stopped(): Promise<Frame[]> {
    return (await this.stoppedThread()).frames;
  }

  /** Wait until some thread stops. */
  async stoppedThread(): Promise<{ readonly threadId: number; readonly frames: Frame[] }> {
    const threadId = Number((await this.next("stopped")).threadId);
    return { threadId, frames: await this.stack(threadId) };
  }

  async stack(threadId = 1): Promise<Frame[]> {
    return (await this.request<{ stackFrames: Frame[] }>("stackTrace", { threadId })).stackFrames;
  }

  /** The names of the threads, by number. */
  async threads(): Promise<Record<string, string>> {
    const { threads } = await this.request<{ threads: { id: number; name: string }[] }>("threads");
    return Object.fromEntries(threads.map(({ id, name }) => [id, name]));
  }

  /** The variables of a frame: scope → name → `value`. */
  async scopes(frame: Frame | undefined): Promise<Record<string, Record<string, Variable>>> {
    const { scopes } = await this.request<{ scopes: { name: string; variablesReference: number }[] }>("scopes", {
      frameId: frame?.id,
    });
    const found: Record<string, Record<string, Variable>> = {};
    for (const { name, variablesReference } of scopes) found[name] = await this.children(variablesReference);
    return found;
  }

  async children(variablesReference: number, paging: JsonObject = {}): Promise<Record<string, Variable>> {
    const { variables } = await this.request<{ variables: Variable[] }>("variables", { variablesReference, ...paging });
    return Object.fromEntries(variables.map((variable) => [variable.name, variable]));
  }
}

/** `name: value` of each variable. */
export function values(variables: Readonly<Record<string, Variable>> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(variables ?? {}).map(([name, { value }]) => [name, value]));
}
