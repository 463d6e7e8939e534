import type {
  ExecuteOutcome,
  ExecuteRequest,
  InputAnswer,
  Session,
  SessionEvent,
} from "../../../kernel/src/session/session.ts";
import type { ToEndpoint } from "../../../kernel/src/transport/comm-endpoint.ts";

/**
 * A session that runs nothing: a test says what each cell does by its text. `print` and the others report events on the
 * cell's behalf.
 */
export class MemorySession implements Session {
  readonly log: unknown[] = [];
  /** What each cell does. Default: nothing, and it succeeds. */
  onExecute: (request: ExecuteRequest) => ExecuteOutcome | Promise<ExecuteOutcome> = () => ({
    status: "ok",
    assigned: [],
  });
  /** What V8's inspector answers. */
  onInspect: (method: string) => Promise<Readonly<Record<string, unknown>>> = () => Promise.resolve({});
  onStart: () => Promise<void> = () => Promise.resolve();
  private readonly listeners: ((event: SessionEvent) => void)[] = [];
  private readonly answers = new Map<number, (answer: InputAnswer) => void>();
  private lastInput = 0;
  private readonly endCells = new Set<(error: Error) => void>();

  async start(): Promise<void> {
    this.log.push("start");
    await this.onStart();
  }

  execute(request: ExecuteRequest): Promise<ExecuteOutcome> {
    this.log.push(["execute", request.cell.source]);
    return new Promise((resolve, reject) => {
      this.endCells.add(reject);
      Promise.resolve()
        .then(() => this.onExecute(request))
        .then(resolve, reject)
        .finally(() => this.endCells.delete(reject));
    });
  }

  interrupt(): Promise<void> {
    this.log.push("interrupt");
    return Promise.resolve();
  }

  answerInput(id: number, answer: InputAnswer): void {
    this.log.push(["answerInput", id, answer]);
    this.answers.get(id)?.(answer);
    this.answers.delete(id);
  }

  /** Ask on behalf of a cell. */
  ask({ execution }: ExecuteRequest, prompt: string, isPassword = false): Promise<InputAnswer> {
    const id = ++this.lastInput;
    const answered = new Promise<InputAnswer>((resolve) => this.answers.set(id, resolve));
    this.emit({ type: "input-requested", id, execution, prompt, isPassword });
    return answered;
  }

  deleteGlobals(names: readonly string[]): void {
    this.log.push(["deleteGlobals", names]);
  }

  tellComm(commId: string, message: ToEndpoint): void {
    this.log.push(["tellComm", commId, message]);
  }

  usage(): Promise<{ cpuPercent: number; rssBytes: number; pid: number }> {
    return Promise.resolve({ cpuPercent: 50, rssBytes: 1e9, pid: 7 });
  }

  inspect(method: string): Promise<Readonly<Record<string, unknown>>> {
    this.log.push(["inspect", method]);
    return this.onInspect(method);
  }

  endInspection(): void {
    this.log.push("endInspection");
  }

  onEvent(listener: (event: SessionEvent) => void): void {
    this.listeners.push(listener);
  }

  close(): Promise<void> {
    this.log.push("close");
    for (const end of this.endCells) end(exitedError());
    return Promise.resolve();
  }

  emit(event: SessionEvent): void {
    for (const listener of this.listeners) listener(event);
  }

  print({ execution }: ExecuteRequest, text: string, name: "stdout" | "stderr" = "stdout"): void {
    this.emit({ type: "stream", execution, name, text });
  }

  /** The process ends. */
  die(stderrTail = "", code = 3): void {
    this.emit({ type: "exited", code, signal: null, stderrTail });
    for (const end of this.endCells) end(exitedError());
  }
}

function exitedError(): Error {
  return Object.assign(new Error("The session exited."), { code: "SESSION_EXITED" });
}
