/** What a kernel does, without sockets and without running code: it reads requests, keeps their order and answers all. */
import type { CheckLevel, Language } from "../language/language.ts";
import type { Envelope } from "../protocol/frames.ts";
import { LANGUAGE_TARGET } from "../protocol/language-comm.ts";
import type { ExecuteRequestContent, JsonObject, Message, ParentHeader, Request } from "../protocol/messages.ts";
import { readRequest } from "../protocol/requests.ts";
import type { Session, SessionEvent } from "../session/session.ts";
import type { RequestChannel, Transport } from "../transport/transport.ts";
import { type CellOutcome, CellRunner, type Npm } from "./cell-runner.ts";
import { Comms, type OpenCommEndpoint } from "./comms.ts";
import { Debugger, type DebuggerOptions } from "./debugger.ts";
import type { Job } from "./execution-queue.ts";
import { History, type HistoryStore } from "./history.ts";
import { Inputs } from "./inputs.ts";
import { settlesWithin } from "./interruption.ts";
import { kernelInfo, type NotebookLanguageName } from "./kernel-info.ts";
import { LanguageComms } from "./language-comm.ts";
import { LanguageKeeper, type StartLanguage } from "./language-keeper.ts";
import { completeReply, inspectReply, isCompleteReply } from "./language-replies.ts";
import { type Origin, Outbox } from "./outbox.ts";
import { ParentHeaders } from "./parent-headers.ts";
import { isAnswered, toErrorReply, toExecuteReply } from "./replies.ts";
import { SESSION_TARGETS, SessionComms } from "./session-comms.ts";
import { describeExit, type SessionExit, SessionKeeper } from "./session-keeper.ts";
import { type Shell, Shells } from "./shells.ts";
import { UsageMeter } from "./usage.ts";

export interface KernelOptions {
  readonly transport: Transport;
  readonly startLanguage: StartLanguage;
  readonly session: Session;
  readonly openCommEndpoint: OpenCommEndpoint;
  readonly debugger: DebuggerOptions;
  /** For `%npm`. */
  readonly npm: Npm;
  /** What front ends are told that cells are written in. Default: `typescript`. */
  readonly notebookLanguage?: NotebookLanguageName;
  /** The notebook's level until a `%check` line changes it. Default: `error`. */
  readonly check?: CheckLevel;
  /** Keeps the history for the process that follows a restart. Default: nobody. */
  readonly history?: HistoryStore;
  /** Told what went wrong behind an error reply, one sentence each. */
  readonly warn?: (text: string) => void;
  /** Told about each request. */
  readonly debug?: (text: string) => void;
}

/** An interrupt is acknowledged after this time, even if the session has not yet confirmed it. */
const INTERRUPT_REPLY_MS = 1000;

/** A front end kills a kernel that is not gone 5 s after `shutdown_request`; the parts get less. */
const CLOSE_PARTS_MS = 3500;

export class Kernel {
  /** Resolves when the kernel has shut down, on request or by `close`; says whether another process will follow it. */
  readonly closed: Promise<{ readonly isRestarted: boolean }>;
  private readonly transport: Transport;
  private readonly notebookLanguage: NotebookLanguageName;
  private readonly warn: (text: string) => void;
  private readonly debug: (text: string) => void;
  private readonly outbox: Outbox;
  private readonly comms: Comms;
  private readonly language: LanguageKeeper;
  private readonly languageComms: LanguageComms;
  private readonly sessionComms: SessionComms;
  private readonly session: SessionKeeper;
  private readonly debugger: Debugger;
  private readonly runner: CellRunner;
  private readonly shells: Shells;
  private readonly usage = new UsageMeter();
  private readonly parents = new ParentHeaders();
  private closing: Promise<void> | undefined;
  private isRestarted = false;
  private reportClosed: (end: { readonly isRestarted: boolean }) => void = () => {};

  constructor(options: KernelOptions) {
    this.transport = options.transport;
    this.notebookLanguage = options.notebookLanguage ?? "typescript";
    this.warn = options.warn ?? (() => {});
    this.debug = options.debug ?? (() => {});
    this.outbox = new Outbox(options.transport);
    this.comms = new Comms(this.outbox, options.openCommEndpoint);
    this.shells = new Shells({
      history: new History(options.history),
      newInputs: () => new Inputs(this.outbox, (id, answer) => options.session.answerInput(id, answer)),
      run: (job, shell) => this.runJob(job, shell),
    });
    this.language = new LanguageKeeper(options.startLanguage);
    this.session = new SessionKeeper(options.session, (exit) => this.onSessionExit(exit));
    this.debugger = new Debugger({
      ...options.debugger,
      session: options.session,
      publish: (event) => this.outbox.publish({ type: "debug_event", content: event }, {}),
    });
    this.runner = new CellRunner({
      language: this.language,
      session: this.session,
      outbox: this.outbox,
      debugger: this.debugger,
      npm: options.npm,
      check: options.check ?? "error",
    });
    this.languageComms = new LanguageComms({
      language: this.language,
      checkLevel: () => this.runner.checkLevel,
      warn: this.warn,
    });
    this.comms.serve(LANGUAGE_TARGET, (events) => this.languageComms.accept(events));
    this.sessionComms = new SessionComms(options.session);
    for (const target of SESSION_TARGETS) this.comms.serve(target, (events) => this.sessionComms.accept(events));
    options.session.onEvent((event) => this.onSessionEvent(event));
    this.closed = new Promise((resolve) => {
      this.reportClosed = resolve;
    });
  }

  /** Begin to answer. Language and session start at once, in the background. */
  start(): void {
    this.transport.listen({
      onRequest: (channel, envelope) => this.onRequest(channel, envelope),
      onInput: (reply) => void this.shells.all().some(({ inputs }) => inputs.onReply(reply)),
      onSubscription: (topic) => this.outbox.welcome(topic),
    });
    this.outbox.status("starting", {});
    // Whoever needs them tries again and reports the failure where the user sees it.
    const failed = (what: string) => (error: unknown) => {
      if (!this.closing) this.warn(`${what} did not start: ${String(error)}`);
    };
    this.session.start().catch(failed("The session"));
    this.language.get().catch(failed("TypeScript"));
  }

  /** Answer what is open, end session and language, and let the last messages out. */
  close(): Promise<void> {
    this.closing ??= this.closeParts();
    return this.closing;
  }

  private onRequest(channel: RequestChannel, { identities, message }: Envelope): void {
    const origin: Origin = { channel, identities, header: message.header };
    this.debug(`${channel} ${message.header.msg_type} ${message.header.msg_id}`);
    let request: Request | undefined;
    try {
      request = readRequest(message.header.msg_type, message.content);
    } catch (error) {
      void this.answer(origin, () => Promise.reject(error));
      return;
    }
    if (this.closing) this.refuse(origin, "The kernel is shutting down.");
    else if (!request) this.refuse(origin, `This kernel does not answer ${message.header.msg_type}.`);
    else if (request.type === "execute_request") this.enqueue(origin, request.content, message.metadata);
    else void this.answer(origin, () => this.respond(origin, request, message));
  }

  private refuse(origin: Origin, reason: string): void {
    void this.answer(origin, () => Promise.reject(new Error(reason)));
  }

  /** Busy, the answer, idle. A request without an answer of its own (a comm message) resolves to `undefined`. */
  private async answer(origin: Origin, respond: () => Promise<object | undefined>): Promise<void> {
    this.outbox.status("busy", origin.header);
    try {
      const content = await respond();
      if (content) this.outbox.reply(origin, content);
    } catch (error) {
      this.warn(`${origin.header.msg_type} failed: ${String(error)}`);
      if (isAnswered(origin)) this.outbox.reply(origin, toErrorReply(error));
    }
    this.outbox.status("idle", origin.header);
    // The front end takes the last status for the kernel's; without this, a completion would hide a running cell.
    if (this.shells.isRunning()) this.outbox.status("busy", {});
    if (origin.header.msg_type === "shutdown_request") void this.close();
  }

  private async respond(
    origin: Origin,
    request: Exclude<Request, { type: "execute_request" }>,
    message: Message,
  ): Promise<object | undefined> {
    const shell = this.shellOf(origin, request);
    switch (request.type) {
      case "kernel_info_request":
        return kernelInfo[this.notebookLanguage];
      case "complete_request":
        return completeReply(this.lentTo(shell, await this.language.get()), request.content, (code) =>
          this.languageComms.find(code),
        );
      case "inspect_request":
        return inspectReply(this.lentTo(shell, await this.language.get()), request.content, (code) => {
          return this.languageComms.find(code) ?? this.languageComms.belowAll();
        });
      case "is_complete_request":
        return isCompleteReply(await this.language.get(), request.content);
      case "history_request":
        return { status: "ok", history: shell.history.query(request.content) };
      case "interrupt_request":
        await this.interrupt();
        return { status: "ok" };
      case "create_subshell_request":
        return { status: "ok", subshell_id: this.shells.create() };
      case "delete_subshell_request":
        await this.shells.delete(request.content.subshell_id, (deleted) => {
          this.abortWaiting(deleted, "The subshell of this cell was deleted.");
        });
        return { status: "ok" };
      case "list_subshell_request":
        return { status: "ok", subshell_id: this.shells.list() };
      case "debug_request":
        return this.debugger.request(request.content);
      case "usage_request":
        return this.usage.reply(await this.session.usage());
      case "shutdown_request": {
        this.isRestarted = request.content.restart;
        const content = { status: "ok", restart: request.content.restart } as const;
        this.outbox.publish({ type: "shutdown_reply", content }, origin.header);
        return content;
      }
      case "comm_info_request":
        return { status: "ok", comms: this.comms.list(request.content.target_name) };
      case "comm_open":
        this.comms.onOpen(request.content, message);
        break;
      case "comm_msg":
        this.comms.onMessage(request.content, message);
        break;
      case "comm_close":
        this.comms.onClose(request.content, message);
    }
    return undefined; // comm messages have no replies
  }

  /**
   * The shell that a request is for.
   *
   * @throws UnknownSubshellError
   */
  private shellOf(origin: Origin, request: Request): Shell {
    // A comm is found by its id. Front ends delete the subshell of a comm while its last messages are on their way.
    if (request.type === "comm_msg" || request.type === "comm_close") return this.shells.main;
    try {
      return this.shells.of(origin);
    } catch (error) {
      if (request.type === "comm_open") this.comms.refuse(request.content, origin.header, String(error));
      throw error;
    }
  }

  /** A subshell is there to look at what another shell's cell does, so it sees the names of that cell. */
  private lentTo(shell: Shell, language: Language): Language {
    if (shell !== this.shells.main) this.runner.lendNames(language);
    return language;
  }

  private enqueue(origin: Origin, content: ExecuteRequestContent, metadata: JsonObject): void {
    let shell: Shell;
    try {
      shell = this.shells.of(origin);
    } catch (error) {
      void this.answer(origin, () => Promise.reject(error));
      return;
    }
    const { cellId, deletedCells } = metadata;
    shell.queue.add({
      origin,
      content,
      interruption: new AbortController(),
      deletedCells: Array.isArray(deletedCells) ? deletedCells.filter((id) => typeof id === "string") : [],
      ...(typeof cellId === "string" ? { cellId } : {}),
    });
  }

  private async runJob(job: Job, shell: Shell): Promise<void> {
    const { origin, content } = job;
    const { header } = origin;
    this.outbox.status("busy", header);
    const metadata = { started: new Date().toISOString() };
    const count = shell.executionCount + 1;
    if (content.store_history) {
      shell.executionCount = count;
      shell.history.add(count, content.code);
    }
    this.parents.begin(header, content.silent);
    if (!content.silent) {
      this.outbox.publish({ type: "execute_input", content: { code: content.code, execution_count: count } }, header);
    }
    const outcome = await this.runner.run(job, count);
    shell.inputs.dropAll();
    this.parents.end(header);
    if (!content.silent) this.publishOutcome(outcome, count, header, shell.history);
    const reply = toExecuteReply(outcome, content.silent ? shell.executionCount : count);
    this.outbox.reply(origin, reply, { ...metadata, status: reply.status });
    this.outbox.status("idle", header);
    if (this.shells.isRunning(shell)) this.outbox.status("busy", {});
    this.languageComms.worldChanged();
    const isStopped = job.interruption.signal.aborted || (outcome.status === "error" && content.stop_on_error);
    if (isStopped) this.abortWaiting(shell, "An earlier cell failed or was interrupted.");
  }

  private publishOutcome(outcome: CellOutcome, count: number, parent: ParentHeader, history: History): void {
    if (outcome.status === "error") {
      this.outbox.publish({ type: "error", content: outcome.error }, parent);
    } else if (outcome.result) {
      const { data, metadata } = outcome.result;
      this.outbox.publish({ type: "execute_result", content: { execution_count: count, data, metadata } }, parent);
      if (typeof data["text/plain"] === "string") history.setOutput(count, data["text/plain"]);
    }
  }

  /** Protocol 5.1 and later: a request that is not executed is answered with an error, no longer with "aborted". */
  private abortWaiting({ queue }: Shell, reason: string): void {
    for (const { origin } of queue.takeWaiting()) {
      this.outbox.status("busy", origin.header);
      this.outbox.reply(origin, { status: "error", ename: "ExecutionAborted", evalue: reason, traceback: [] });
      this.outbox.status("idle", origin.header);
    }
  }

  /** Stops the cells of all shells (messaging specification, "Kernel interrupt": it is about the kernel, not a subshell). */
  private async interrupt(): Promise<void> {
    const running = this.shells.running();
    if (running.length === 0) return;
    for (const shell of this.shells.all()) this.abortWaiting(shell, "The user interrupted the kernel.");
    const told = this.runner.interrupt(running);
    told.catch((error: unknown) => this.warn(`The session did not take the interrupt: ${String(error)}`));
    await settlesWithin(told, INTERRUPT_REPLY_MS);
  }

  private onSessionEvent(event: SessionEvent): void {
    switch (event.type) {
      case "comm-target-delegated":
        this.comms.delegate(event.target, event.address);
        return;
      case "comm-target-withdrawn":
        this.comms.withdraw(event.target);
        return;
      case "comm":
        this.sessionComms.fromSession(event.commId, event.message);
        return;
      case "input-requested":
        this.ask(event);
        return;
      case "exited": // the keeper reports it
      case "inspector-event": // these are for the debugger
      case "worker-attached":
      case "worker-detached":
        return;
      case "stream":
      case "display":
      case "clear-output":
        this.publishOutput(event);
    }
  }

  /** A cell asks the client that sent it, while it runs. */
  private ask(event: Extract<SessionEvent, { type: "input-requested" }>): void {
    const { messageId } = event.execution;
    const asking = this.shells.all().find(({ queue }) => queue.running?.origin.header.msg_id === messageId);
    const { inputs } = asking ?? this.shells.main;
    inputs.ask(event, asking?.queue.running?.origin);
  }

  private publishOutput(event: Extract<SessionEvent, { type: "stream" | "display" | "clear-output" }>): void {
    const { header, isSilent } = this.parents.of(event.execution?.messageId);
    if (isSilent) return;
    if (event.type === "stream") {
      this.outbox.publish({ type: "stream", content: { name: event.name, text: event.text } }, header);
    } else if (event.type === "clear-output") {
      this.outbox.publish({ type: "clear_output", content: { wait: event.wait } }, header);
    } else {
      const { data, metadata, displayId } = event;
      const transient = displayId === undefined ? {} : { display_id: displayId };
      const type = event.isUpdate ? "update_display_data" : "display_data";
      this.outbox.publish({ type, content: { data, metadata, transient } }, header);
    }
  }

  private onSessionExit(exit: SessionExit): void {
    this.comms.withdrawAll();
    this.sessionComms.endAll(describeExit(exit));
    void this.language.restart();
    this.languageComms.worldChanged();
    if (this.runner.isExecuting) return; // the cell tells the user
    const tail = exit.stderrTail === "" ? "" : `\n${exit.stderrTail.trimEnd()}`;
    const text = `${describeExit(exit)} Variables are lost; run your cells again.${tail}\n`;
    this.outbox.publish({ type: "stream", content: { name: "stderr", text } }, this.parents.of(undefined).header);
  }

  private async closeParts(): Promise<void> {
    for (const shell of this.shells.all()) this.abortWaiting(shell, "The kernel is shutting down.");
    for (const { interruption } of this.shells.running()) interruption.abort();
    this.comms.closeAll();
    const parts = Promise.all([this.session.close(), this.language.close()]);
    parts.catch((error: unknown) => this.warn(`A part did not close: ${String(error)}`));
    await settlesWithin(parts, CLOSE_PARTS_MS);
    // The running cells were cut off with their session; their replies are on the way now.
    await settlesWithin(this.shells.idle(), 100);
    this.outbox.flush();
    await this.transport.close();
    this.reportClosed({ isRestarted: this.isRestarted });
  }
}
