/** Performs what the debug adapter decides: asks the session, answers requests, and lets prepared cells run. */
import { pathToFileURL } from "node:url";
import { type AdapterEvent, type AdapterOptions, DebugAdapter, type Effect } from "../debug/adapter.ts";
import type { DapEvent, DapRequest, DapResponse, JsonObject } from "../debug/protocol.ts";
import type { CompiledCell } from "../language/language.ts";
import type { Session } from "../session/session.ts";

export interface DebuggerOptions extends AdapterOptions {
  /** Text of a file, for the front end's view of sources. */
  readonly readFile: (path: string) => Promise<string>;
}

export interface DebuggerParts extends DebuggerOptions {
  readonly session: Session;
  /** Tell all front ends. */
  readonly publish: (event: DapEvent) => void;
}

export class Debugger {
  private readonly parts: DebuggerParts;
  private readonly adapter: DebugAdapter;
  private readonly replies = new Map<number, (response: DapResponse) => void>();
  private readonly cells = new Map<number, () => void>();
  private nextId = 1;

  constructor(parts: DebuggerParts) {
    this.parts = parts;
    this.adapter = new DebugAdapter(parts);
    parts.session.onEvent((event) => {
      if (event.type === "exited") this.handle({ type: "session-ended" });
      const isOurs =
        event.type === "inspector-event" || event.type === "worker-attached" || event.type === "worker-detached";
      if (isOurs) this.handle(event);
    });
  }

  /** Answer a request of the front end. */
  request(request: DapRequest): Promise<DapResponse> {
    const id = this.nextId++;
    return new Promise((resolve) => {
      this.replies.set(id, resolve);
      this.handle({ type: "requested", id, request });
    });
  }

  /**
   * A cell is about to run; resolves when its breakpoints are set.
   *
   * @param code - the text as the front end has it.
   */
  prepare(cell: CompiledCell, code: string, executionCount: number): Promise<void> {
    const id = this.nextId++;
    const { source, hoisted, body, fileName } = cell;
    const names = cell.declarations.filter(({ kind }) => kind !== "import");
    return new Promise((resolve) => {
      this.cells.set(id, resolve);
      this.handle({
        type: "cell-compiled",
        id,
        cell: {
          code,
          source,
          hoisted,
          body,
          executionCount,
          url: pathToFileURL(fileName).href,
          names: Object.fromEntries(names.map(({ globalName, name }) => [globalName, name])),
        },
      });
    });
  }

  private handle(event: AdapterEvent): void {
    for (const effect of this.adapter.step(event)) this.perform(effect);
  }

  private perform(effect: Effect): void {
    switch (effect.type) {
      case "ask":
        this.ask(effect).then(
          (answer) => this.handle({ type: "answered", id: effect.id, answer }),
          (error: unknown) => this.handle({ type: "failed", id: effect.id, message: toMessage(error) }),
        );
        return;
      case "command":
        // It fails when the code went on by itself, or the process is gone.
        this.parts.session.inspect(effect.method, effect.params, effect.worker).catch(() => {});
        return;
      case "end-inspection":
        this.parts.session.endInspection();
        return;
      case "reply":
        this.replies.get(effect.id)?.(effect.response);
        this.replies.delete(effect.id);
        return;
      case "publish":
        this.parts.publish(effect.event);
        return;
      case "let-run":
        this.cells.get(effect.id)?.();
        this.cells.delete(effect.id);
    }
  }

  private async ask({ question, worker, limitMs }: Extract<Effect, { type: "ask" }>): Promise<JsonObject> {
    if (question.type === "read-file") return { text: await this.parts.readFile(question.path) };
    const answer = this.parts.session.inspect(question.method, question.params, worker);
    return limitMs === undefined ? answer : within(limitMs, answer);
  }
}

async function within<Value>(limitMs: number, promise: Promise<Value>): Promise<Value> {
  let limit: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    limit = setTimeout(() => reject(new Error(`No answer within ${limitMs} ms.`)), limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(limit);
  }
}

function toMessage(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^Inspector error -?\d+: /, "");
}
