/** One cell from its text to its outcome: magic line, deleted cells, compile, execute, commit. */
import type { CellDiagnostic, CheckLevel, CompiledCell, Language } from "../language/language.ts";
import type { ErrorContent, JsonObject, MimeBundle } from "../protocol/messages.ts";
import type { ExecuteOutcome, Execution } from "../session/session.ts";
import type { Debugger } from "./debugger.ts";
import { toErrorContent, toWarningText } from "./diagnostics.ts";
import type { Job } from "./execution-queue.ts";
import { InterruptedError, orInterrupted } from "./interruption.ts";
import type { LanguageKeeper } from "./language-keeper.ts";
import { type CellText, readMagic } from "./magic.ts";
import { npmSpec, npmSpecifiersIn } from "./npm-specifier.ts";
import type { Outbox } from "./outbox.ts";
import { SessionExitedError, type SessionKeeper } from "./session-keeper.ts";

/** What a cell came to. Its printed text and displays are on their way already. */
export type CellOutcome =
  | {
      readonly status: "ok";
      readonly result?: { readonly data: MimeBundle; readonly metadata: MimeBundle };
      readonly userExpressions: JsonObject;
    }
  | { readonly status: "error"; readonly error: ErrorContent };

export interface Npm {
  /** Run npm in the notebook's directory. Resolves to its exit code; null when it was killed. */
  run(run: {
    readonly args: readonly string[];
    readonly signal: AbortSignal;
    readonly onText: (text: string, stream: "stdout" | "stderr") => void;
  }): Promise<number | null>;
  /** The version of a package that cells find; undefined when they find none. */
  installedVersion(name: string): string | undefined;
}

export interface CellRunnerParts {
  readonly language: LanguageKeeper;
  readonly session: SessionKeeper;
  readonly outbox: Outbox;
  readonly debugger: Debugger;
  readonly npm: Npm;
  /** The notebook's level until a `%check` line changes it. */
  readonly check: CheckLevel;
}

export class CellRunner {
  private readonly parts: CellRunnerParts;
  private check: CheckLevel;
  /** Settles when npm has ended: it changes one folder, so cells of two shells take turns. */
  private npmEnd: Promise<unknown> = Promise.resolve();
  /** What was installed because cells import it. */
  private readonly installed = new Set<string>();
  /** The jobs whose code runs in the session now, one of each shell at most. */
  private readonly inSession = new Map<Job, { readonly version: number; isLent: boolean }>();
  /** Settles when the session has dealt with an interrupt; a cell that came in between could be struck in its place. */
  private interrupted: Promise<void> | undefined;

  constructor(parts: CellRunnerParts) {
    this.parts = parts;
    this.check = parts.check;
  }

  /** The notebook's level now. */
  get checkLevel(): CheckLevel {
    return this.check;
  }

  /** Does code of a cell run in the session now? */
  get isExecuting(): boolean {
    return this.inSession.size > 0;
  }

  /** Let what is asked of the language next see the names of cells that run. */
  lendNames(language: Language): void {
    for (const cell of this.inSession.values()) {
      if (!cell.isLent) language.lend(cell.version);
      cell.isLent = true;
    }
  }

  /** Never rejects: whatever goes wrong is the cell's error. */
  async run(job: Job, executionCount: number): Promise<CellOutcome> {
    try {
      return await this.tryRun(job, executionCount);
    } catch (error) {
      return { status: "error", error: describeFailure(error, job.interruption.signal.aborted) };
    }
  }

  /** Stop all running jobs. Resolves when the session has been told. */
  async interrupt(jobs: readonly Job[]): Promise<void> {
    for (const { interruption } of jobs) interruption.abort();
    if (!this.isExecuting) return;
    const told = this.parts.session.interrupt();
    const settled = told
      .then(undefined, () => {})
      .then(() => {
        if (this.interrupted === settled) this.interrupted = undefined;
      });
    this.interrupted = settled;
    await told;
  }

  private async tryRun(job: Job, executionCount: number): Promise<CellOutcome> {
    const cellText = readMagic(job.content.code);
    const refused = await this.applyMagic(cellText, job);
    if (refused) return { status: "error", error: refused };
    await this.forgetDeletedCells(job);
    if (cellText.code.trim() === "") return { status: "ok", userExpressions: {} };
    const missing = await this.installImports(cellText.code, job);
    if (missing) return { status: "error", error: missing };

    const signal = job.interruption.signal;
    const { cell, diagnostics } = await orInterrupted(this.compile(cellText.code, job), signal);
    const source = { code: job.content.code, executionCount };
    if (!cell) return { status: "error", error: toErrorContent(diagnostics, source) };
    if (diagnostics.length > 0) this.print(toWarningText(diagnostics, source), job);

    const expressions = await orInterrupted(this.compileExpressions(job), signal);
    await orInterrupted(this.parts.session.start(), signal);
    await orInterrupted(this.parts.debugger.prepare(cell, job.content.code, executionCount), signal);
    if (this.interrupted) await orInterrupted(this.interrupted, signal);
    const outcome = await this.execute(job, cell, expressions, executionCount);
    (await this.parts.language.get()).commit(cell.version, outcome.assigned);
    return toCellOutcome(outcome, expressions, signal.aborted);
  }

  /** @returns the error of a magic line that makes no sense, or that failed. */
  private async applyMagic({ magic }: CellText, job: Job): Promise<ErrorContent | undefined> {
    if (magic?.type === "unknown") return plainError("MagicError", magic.problem);
    if (magic?.type === "check") {
      if (magic.level) this.check = magic.level;
      else this.print(`%check ${this.check}\n`, job, "stdout");
    }
    return magic?.type === "npm" ? this.runNpm(magic.args, job) : undefined;
  }

  /** Packages that the cell imports as `npm:…`. @returns the error of an installation that failed. */
  private async installImports(code: string, job: Job): Promise<ErrorContent | undefined> {
    const specs = npmSpecifiersIn(code)
      .filter(({ name, range }) => !isAmong(range, this.parts.npm.installedVersion(name)))
      .map(npmSpec)
      .filter((spec) => !this.installed.has(spec));
    if (specs.length === 0) return undefined;
    const error = await this.runNpm(["install", ...specs], job);
    if (!error) for (const spec of specs) this.installed.add(spec);
    return error;
  }

  private async runNpm(args: readonly string[], job: Job): Promise<ErrorContent | undefined> {
    const { signal } = job.interruption;
    const command = `npm ${args.join(" ")}`;
    // npm is silent for as long as it loads; this says that the cell is at work.
    this.print(`${command}\n`, job, "stdout");
    const onText = (text: string, stream: "stdout" | "stderr"): void => this.print(text, job, stream);
    const ended = this.npmEnd.then(() => this.parts.npm.run({ args, signal, onText }));
    this.npmEnd = ended.catch(() => {});
    const exitCode = await orInterrupted(ended, signal);
    if (exitCode === 0) return undefined;
    const end = exitCode === null ? "was killed" : `failed with exit code ${exitCode}`;
    return plainError("NpmError", `${command} ${end}; what it printed says why. The rest of the cell did not run.`);
  }

  private async forgetDeletedCells(job: Job): Promise<void> {
    const deleted = job.deletedCells.filter((id) => id !== job.cellId);
    if (deleted.length === 0) return;
    const language = await orInterrupted(this.parts.language.get(), job.interruption.signal);
    this.parts.session.deleteGlobals(await language.forget(deleted));
  }

  private async compile(
    code: string,
    job: Job,
  ): Promise<{ cell?: CompiledCell; diagnostics: readonly CellDiagnostic[] }> {
    const language = await this.parts.language.get();
    this.lendNames(language);
    return language.compile({ code, check: this.check, ...(job.cellId === undefined ? {} : { cellId: job.cellId }) });
  }

  /** `user_expressions` are small cells of their own; types are not checked, because nobody sees a red line in them. */
  private async compileExpressions({ content }: Job): Promise<ReadonlyMap<string, CompiledCell | ErrorContent>> {
    const compiled = new Map<string, CompiledCell | ErrorContent>();
    const expressions = Object.entries(content.user_expressions);
    if (expressions.length === 0) return compiled;
    const language = await this.parts.language.get();
    for (const [name, code] of expressions) {
      const { cell, diagnostics } = await language.compile({ code, check: "off" });
      compiled.set(name, cell ?? toErrorContent(diagnostics, { code, executionCount: 0 }));
    }
    return compiled;
  }

  private async execute(
    job: Job,
    cell: CompiledCell,
    expressions: ReadonlyMap<string, CompiledCell | ErrorContent>,
    executionCount: number,
  ): Promise<ExecuteOutcome> {
    const execution: Execution = {
      messageId: job.origin.header.msg_id,
      executionCount,
      ...(job.cellId === undefined ? {} : { cellId: job.cellId }),
    };
    const cells = [...expressions].filter((entry): entry is [string, CompiledCell] => "version" in entry[1]);
    this.inSession.set(job, { version: cell.version, isLent: false });
    try {
      return await this.parts.session.execute({
        execution,
        cell,
        allowStdin: job.content.allow_stdin,
        ...(cells.length === 0 ? {} : { userExpressions: Object.fromEntries(cells) }),
      });
    } finally {
      this.inSession.delete(job);
    }
  }

  private print(text: string, job: Job, name: "stdout" | "stderr" = "stderr"): void {
    if (!job.content.silent) this.parts.outbox.publish({ type: "stream", content: { name, text } }, job.origin.header);
  }
}

/** Is a version one of a range? Only for versions, whole or in part; npm knows about the others. */
function isAmong(range: string | undefined, version: string | undefined): boolean {
  if (version === undefined || range === undefined) return version !== undefined;
  return version === range || version.startsWith(`${range}.`);
}

function toCellOutcome(
  outcome: ExecuteOutcome,
  expressions: ReadonlyMap<string, CompiledCell | ErrorContent>,
  isInterrupted: boolean,
): CellOutcome {
  if (outcome.status === "error") {
    return { status: "error", error: isInterrupted ? interruptedError(outcome.error) : outcome.error };
  }
  const values = Object.fromEntries(
    [...expressions].map(([name, compiled]) => {
      const value = "version" in compiled ? outcome.userExpressions?.[name] : { error: compiled };
      if (!value) return [name, { status: "error", ...plainError("EvaluationError", "The expression has no value.") }];
      return [
        name,
        "data" in value ? { status: "ok", data: value.data, metadata: {} } : { status: "error", ...value.error },
      ];
    }),
  );
  return { status: "ok", userExpressions: values, ...(outcome.result ? { result: outcome.result } : {}) };
}

/** Front ends and schedulers know an interrupted cell by the name of Python's exception. */
function interruptedError(thrown?: ErrorContent): ErrorContent {
  const traceback =
    thrown?.ename === "KeyboardInterrupt" ? thrown.traceback : ["\u001b[31mExecution interrupted\u001b[0m"];
  return { ename: "KeyboardInterrupt", evalue: "Execution interrupted", traceback };
}

function describeFailure(error: unknown, isInterrupted: boolean): ErrorContent {
  if (error instanceof InterruptedError) return interruptedError();
  if (error instanceof SessionExitedError) {
    // Without a report of its death the session was closed, by a shutdown that interrupts the cell.
    if (isInterrupted && !error.exit.isReported) return interruptedError();
    const evalue = `${error.message} Variables are lost; run your cells again.`;
    const tail = error.exit.stderrTail.trimEnd();
    const traceback = [`\u001b[1;31mSessionExited\u001b[0m: ${evalue}`, ...(tail === "" ? [] : [tail])];
    return { ename: "SessionExited", evalue, traceback };
  }
  const cause = error instanceof Error ? error : new Error(String(error));
  return plainError("KernelError", `The kernel could not run the cell: ${cause.message}`);
}

function plainError(ename: string, evalue: string): ErrorContent {
  return { ename, evalue, traceback: [`\u001b[1;31m${ename}\u001b[0m: ${evalue}`] };
}
