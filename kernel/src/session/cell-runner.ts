/** Runs compiled cells and reports how each ended. Cells of several shells take turns at their awaits. */
import { displaysShown, toBundle } from "../display/index.ts";
import type { CompiledCell } from "../language/language.ts";
import { loadImports } from "./cell-imports.ts";
import { CellNames, deleteGlobal } from "./cell-names.ts";
import type { CellRegistry } from "./cell-registry.ts";
import { INTERRUPTED, type TracebackContext, toCellError } from "./errors/traceback.ts";
import { type ExecutionContext, runInContext } from "./execution-context.ts";
import { runScript } from "./script.ts";
import type { CellError, ExecuteOutcome, ExecuteRequest, Execution } from "./session.ts";

/** How long a stopped cell has to run its `catch` and `finally` blocks before it is reported as ended. */
const UNWIND_MS = 50;

const { setTimeout: startTimer } = globalThis;

interface RunningCell {
  readonly request: ExecuteRequest;
  readonly context: ExecutionContext;
  readonly names: CellNames;
  importedNames: readonly string[];
}

type UserExpressions = NonNullable<ExecuteOutcome["userExpressions"]>;
/** How a cell ended, before its names are settled. */
type Ending =
  | { readonly status: "ok"; readonly result?: { data: Bundle; metadata: Bundle }; userExpressions?: UserExpressions }
  | { readonly status: "error"; readonly error: CellError };
type Bundle = Readonly<Record<string, unknown>>;

export interface CellRunnerOptions {
  readonly registry: CellRegistry;
  readonly traceback: TracebackContext;
  /** A debugger is attached, which wants to know what nobody catches. */
  readonly isDebugging: () => boolean;
  /** The user has stopped all cells that have come until now. */
  readonly isInterruptDue: () => boolean;
  /** Called before the awaits of a stopped cell end. */
  readonly onInterrupt: (context: ExecutionContext) => void;
  /** The cell has ended. Called synchronously: a promise reaction could be lost when code is terminated. */
  readonly onEnd: (execution: Execution, outcome: ExecuteOutcome) => void;
}

export class CellRunner {
  readonly #options: CellRunnerOptions;
  /** Oldest first. */
  readonly #running = new Set<RunningCell>();
  /** The end of a debugged cell, whose rejection arrives as one that nobody handles. */
  readonly #ends = new WeakMap<Promise<unknown>, RunningCell>();

  constructor(options: CellRunnerOptions) {
    this.#options = options;
  }

  /** The newest of the cells that run now. */
  get newest(): ExecutionContext | undefined {
    return [...this.#running].at(-1)?.context;
  }

  /** Has the cell of this context not ended? */
  isRunning(context: ExecutionContext): boolean {
    return [...this.#running].some((running) => running.context === context);
  }

  /** Start a cell. It may spin and be terminated in here, so nothing that matters may follow the call. */
  start(request: ExecuteRequest): void {
    const { cell, execution, allowStdin, userExpressions = {} } = request;
    const { registry } = this.#options;
    for (const each of [cell, ...Object.values(userExpressions)]) registry.addCell(each, execution.executionCount);
    const isInterrupted = this.#options.isInterruptDue();
    const context: ExecutionContext = { execution, allowStdin, stops: new Set(), isInterrupted };
    const names = new CellNames(cell.declarations, registry, context);
    const running: RunningCell = { request, context, names, importedNames: [] };
    this.#running.add(running);
    if (isInterrupted) return; // It came while another spun, and must not begin. The interrupt ends it.
    if (this.#options.isDebugging()) {
      this.#startDebugged(running);
      return;
    }
    runInContext(context, () => {
      this.#run(running).then(
        (ending) => this.#end(running, ending),
        (error: unknown) => this.#fail(running, error),
      );
    });
  }

  /**
   * V8 says whether a throw is caught by looking for handlers on the stack and on promises. Neither ours nor that of Node's
   * message port must count for one of the user's: so the cell runs from a timer, and its rejection reaches nobody but
   * `takeRejection`.
   */
  #startDebugged(running: RunningCell): void {
    startTimer(() => {
      runInContext(running.context, () => {
        const end = this.#run(running).then((ending) => this.#end(running, ending));
        this.#ends.set(end, running);
      });
    }, 0);
  }

  /** Is the rejection that nobody handled the end of a cell? Then end it. */
  takeRejection(promise: Promise<unknown>, reason: unknown): boolean {
    const running = this.#ends.get(promise);
    if (running !== undefined) this.#fail(running, reason);
    return running !== undefined;
  }

  #fail(running: RunningCell, error: unknown): void {
    this.#end(running, { status: "error", error: this.#explain(error) });
  }

  /**
   * The user stops the running cells. Their catch and finally blocks get a moment.
   *
   * @param onDone - called when the cells have ended, or when none was running.
   */
  interrupt(onDone: () => void): void {
    const stopped = [...this.#running];
    if (stopped.length === 0) {
      onDone();
      return;
    }
    // First of all: what follows is code of others, and may have to be terminated, too.
    startTimer(() => {
      for (const running of stopped) this.#end(running, { status: "error", error: INTERRUPTED });
      onDone();
    }, UNWIND_MS);
    for (const { context } of stopped) this.#stop(context);
  }

  #stop(context: ExecutionContext): void {
    if (context.isInterrupted) return;
    context.isInterrupted = true;
    this.#options.onInterrupt(context);
    for (const stop of context.stops) stop();
    context.stops.clear();
  }

  async #run(running: RunningCell): Promise<Ending> {
    const { cell, execution, userExpressions } = running.request;
    if (cell.imports.length > 0) running.importedNames = await loadImports(cell, this.#options.registry);
    for (const name of cell.obsoleteGlobals ?? []) deleteGlobal(name, this.#options.registry);
    running.names.declare();
    const value = await evaluate(cell);
    await displaysShown(execution);
    const result = cell.hasResult ? await toBundle(value) : undefined;
    const expressions = userExpressions === undefined ? undefined : await this.#evaluateExpressions(userExpressions);
    return {
      status: "ok",
      ...(result === undefined ? {} : { result }),
      ...(expressions === undefined ? {} : { userExpressions: expressions }),
    };
  }

  async #evaluateExpressions(cells: Readonly<Record<string, CompiledCell>>): Promise<UserExpressions> {
    const answers: Record<string, UserExpressions[string]> = {};
    for (const [name, cell] of Object.entries(cells)) {
      try {
        const bundle = await toBundle(await evaluate(cell));
        answers[name] = { data: bundle?.data ?? { "text/plain": "undefined" } };
      } catch (error) {
        answers[name] = { error: this.#explain(error) };
      }
    }
    return answers;
  }

  #explain(error: unknown): CellError {
    return toCellError(error, this.#options.traceback);
  }

  /**
   * Report the end of a cell. A termination may strike in the middle; the interrupt that follows it then ends the cell
   * once more, so the cell counts as running until its end is on its way, and whoever listens takes the first report.
   */
  #end(running: RunningCell, ending: Ending): void {
    if (!this.#running.has(running)) return; // Stopped before: this is what was left of it.
    const { execution } = running.request;
    const isComplete = ending.status === "ok" && !running.context.isInterrupted;
    const assigned = [...running.importedNames, ...running.names.settle(isComplete)];
    const shown: Ending = running.context.isInterrupted ? { status: "error", error: INTERRUPTED } : ending;
    try {
      this.#options.onEnd(execution, { ...shown, assigned });
    } catch (error) {
      // A result that cannot be sent: too large, or with a `toJSON` that throws.
      this.#options.onEnd(execution, { status: "error", error: this.#explain(error), assigned });
    }
    this.#running.delete(running);
  }
}

function evaluate(cell: CompiledCell): Promise<unknown> {
  if (cell.hoisted !== "") runScript(cell.hoisted, cell.fileName);
  const body = runScript(cell.body, cell.fileName) as () => Promise<unknown>;
  return body();
}
