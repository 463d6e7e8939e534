/** A Jupyter client: talks to any kernel through its connection file. */
import { randomUUID } from "node:crypto";
import type { Connection } from "../protocol/connection-file.ts";
import { MessageComposer } from "../protocol/header.ts";
import type {
  CompleteReplyContent,
  ErrorContent,
  HistoryTuple,
  InspectReplyContent,
  IsCompleteReplyContent,
  JsonObject,
  KernelInfoReplyContent,
  Message,
} from "../protocol/messages.ts";
import { toCodePointOffset } from "../protocol/offsets.ts";
import { type ClientChannel, ClientSockets, type HeardChannel } from "./client-sockets.ts";
import { Comm } from "./comm.ts";
import { KernelDiedError, RequestFailedError } from "./errors.ts";

export interface ExecuteOptions {
  /** The front end's id of the cell. A kernel that knows it replaces what the cell declared before. */
  readonly cellId?: string;
  /** Ids of cells deleted since the last request. */
  readonly deletedCells?: readonly string[];
  /** The subshell that runs the cell, from {@link KernelClient.createSubshell}. Default: the main shell. */
  readonly subshellId?: string;
  /** No output, no history. Default: false. */
  readonly silent?: boolean;
  /** Default: true, unless `silent`. */
  readonly storeHistory?: boolean;
  /** An error aborts the cells that wait in the kernel. Default: true. */
  readonly stopOnError?: boolean;
  /** The cell may ask for input; `onInput` answers. Default: whether `onInput` is given. */
  readonly allowStdin?: boolean;
  readonly onInput?: (prompt: string, isPassword: boolean) => string | Promise<string>;
  /** Name → expression evaluated after the code. */
  readonly userExpressions?: Readonly<Record<string, string>>;
  /** Every IOPub message the cell causes, in order, until the kernel is idle again. */
  readonly onMessage?: (message: Message) => void;
}

export interface ExecuteResult {
  readonly status: "ok" | "error";
  /** `undefined` when the kernel did not begin the cell. */
  readonly executionCount: number | undefined;
  /** Present when `status` is "error". */
  readonly error?: ErrorContent;
  readonly reply: Message;
}

/** How long `idle` may come after the reply; a kernel that lost it must not hang its clients. */
const IDLE_AFTER_REPLY_MS = 10_000;

/** Pause between two attempts to reach a kernel that starts. */
const KNOCK_MS = 200;

/** Pause when the kernel answers but its broadcasts are not heard yet. */
const LISTEN_MS = 20;

interface Pending {
  readonly onIopub: (message: Message) => void;
  readonly onReply: (message: Message) => void;
  readonly onInput: ExecuteOptions["onInput"];
  readonly fail: (error: Error) => void;
}

/** One client of a kernel; several may be connected at once. Close it, or it keeps the process alive. */
export class KernelClient {
  private readonly composer = new MessageComposer();
  private readonly sockets: ClientSockets;
  private readonly pending = new Map<string, Pending>();
  private readonly comms = new Map<string, Comm>();
  private readonly listeners = new Set<(message: Message) => void>();
  private hasHeardIopub = false;
  private failure: Error | undefined;

  constructor(connection: Connection) {
    this.sockets = new ClientSockets(connection, randomUUID(), (channel, message) => this.receive(channel, message));
  }

  /**
   * Wait until the kernel answers and this client hears its broadcasts.
   *
   * @throws KernelDiedError after `timeoutMs`.
   */
  async waitUntilReady(timeoutMs = 30_000): Promise<KernelInfoReplyContent> {
    const deadline = performance.now() + timeoutMs;
    const attempts: Promise<KernelInfoReplyContent>[] = [];
    for (;;) {
      // Asked again and again: the status messages that come with an answer show that the subscription has arrived.
      attempts.push(this.kernelInfo());
      const info = await Promise.race([...attempts, pause(KNOCK_MS)]);
      if (info && this.hasHeardIopub) return info;
      if (performance.now() > deadline) throw new KernelDiedError(`The kernel did not answer within ${timeoutMs} ms.`);
      if (info) await pause(LISTEN_MS);
    }
  }

  /**
   * Run a cell. Resolves when its reply and all its output have come.
   *
   * @throws KernelDiedError when the kernel is gone. An error of the cell is a result.
   */
  async execute(code: string, options: ExecuteOptions = {}): Promise<ExecuteResult> {
    const silent = options.silent ?? false;
    const content = {
      code,
      silent,
      store_history: options.storeHistory ?? !silent,
      user_expressions: options.userExpressions ?? {},
      allow_stdin: options.allowStdin ?? options.onInput !== undefined,
      stop_on_error: options.stopOnError ?? true,
    };
    const metadata = {
      ...(options.cellId === undefined ? {} : { cellId: options.cellId }),
      ...(options.deletedCells ? { deletedCells: options.deletedCells } : {}),
    };
    const reply = await this.send("shell", "execute_request", content, { ...options, metadata });
    const { status, execution_count: count } = reply.content;
    const result = { executionCount: typeof count === "number" ? count : undefined, reply };
    return status === "ok" ? { status, ...result } : { status: "error", ...result, error: readError(reply.content) };
  }

  /** @param cursorPosition - in code points; default: the end of `code`. */
  async complete(
    code: string,
    cursorPosition: number = toCodePointOffset(code, code.length),
  ): Promise<CompleteReplyContent> {
    const content = { code, cursor_pos: cursorPosition };
    return (await this.request("shell", "complete_request", content)) as unknown as CompleteReplyContent;
  }

  /** @param cursorPosition - in code points; default: the end of `code`. */
  async inspect(
    code: string,
    cursorPosition: number = toCodePointOffset(code, code.length),
  ): Promise<InspectReplyContent> {
    const content = { code, cursor_pos: cursorPosition, detail_level: 0 };
    return (await this.request("shell", "inspect_request", content)) as unknown as InspectReplyContent;
  }

  async isComplete(code: string): Promise<IsCompleteReplyContent> {
    return (await this.request("shell", "is_complete_request", { code })) as unknown as IsCompleteReplyContent;
  }

  /** The last `count` inputs. */
  async history(count: number): Promise<readonly HistoryTuple[]> {
    const content = { output: false, raw: true, hist_access_type: "tail", n: count };
    const reply = await this.request("shell", "history_request", content);
    return reply.history as readonly HistoryTuple[];
  }

  async kernelInfo(channel: "shell" | "control" = "shell"): Promise<KernelInfoReplyContent> {
    return (await this.request(channel, "kernel_info_request", {})) as unknown as KernelInfoReplyContent;
  }

  /** Stop the running cell; its variables survive. Resolves when the kernel has taken note. */
  async interrupt(): Promise<void> {
    await this.request("control", "interrupt_request", {});
  }

  /** Ask the kernel to end. To end one that you started, use its `shutdown`, which also makes sure. */
  async requestShutdown(restart = false): Promise<void> {
    await this.request("control", "shutdown_request", { restart });
  }

  /**
   * Make a subshell, whose cells do not wait for those of other shells.
   *
   * @returns its id.
   * @throws RequestFailedError when the kernel has none.
   */
  async createSubshell(): Promise<string> {
    return (await this.request("control", "create_subshell_request", {})).subshell_id as string;
  }

  /** Delete a subshell. Resolves when its running cell has ended; those behind it fail. */
  async deleteSubshell(subshellId: string): Promise<void> {
    await this.request("control", "delete_subshell_request", { subshell_id: subshellId });
  }

  /** Ids of the kernel's subshells. */
  async listSubshells(): Promise<readonly string[]> {
    return (await this.request("control", "list_subshell_request", {})).subshell_id as string[];
  }

  /** Open a comm. Its messages come to `onMessage` and `onClose` of the comm. */
  openComm(target: string, data: JsonObject = {}): Comm {
    const commId = randomUUID();
    const comm = new Comm(commId, (type, commData, buffers) => {
      const content = { comm_id: commId, data: commData };
      if (type === "comm_close") this.comms.delete(commId);
      this.sockets.send("shell", this.composer.message(type, content, { buffers }));
    });
    this.comms.set(commId, comm);
    this.sockets.send("shell", this.composer.message("comm_open", { comm_id: commId, target_name: target, data }));
    return comm;
  }

  /**
   * Send any request and wait for the content of its reply.
   *
   * @throws RequestFailedError when the reply's status is "error".
   */
  async request(
    channel: "shell" | "control",
    type: string,
    content: JsonObject,
    options: Pick<ExecuteOptions, "subshellId"> = {},
  ): Promise<JsonObject> {
    const reply = await this.send(channel, type, content, options);
    if (reply.content.status === "error") {
      const { ename, evalue } = readError(reply.content);
      throw new RequestFailedError(`${type} failed: ${ename}: ${evalue}`);
    }
    return reply.content;
  }

  /** Hear every IOPub message, whoever caused it. Returns the way to stop. */
  onIopub(listener: (message: Message) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Fail what is open and what comes. For whoever watches the kernel's process. */
  markDead(error: Error): void {
    this.failure ??= error;
    for (const { fail } of this.pending.values()) fail(this.failure);
    this.pending.clear();
    for (const comm of this.comms.values()) comm.onClose({});
    this.comms.clear();
  }

  /** Disconnect. Open requests reject. */
  close(): void {
    this.markDead(new KernelDiedError("The client was closed."));
    this.sockets.close();
  }

  private send(
    channel: "shell" | "control",
    type: string,
    content: JsonObject,
    options: Pick<ExecuteOptions, "onMessage" | "onInput" | "subshellId"> & { metadata?: JsonObject },
  ): Promise<Message> {
    if (this.failure) return Promise.reject(this.failure);
    const { metadata = {}, subshellId } = options;
    const message = this.composer.message(type, content, {
      metadata,
      ...(subshellId === undefined ? {} : { subshellId }),
    });
    const id = message.header.msg_id;
    return new Promise<Message>((resolve, reject) => {
      let reply: Message | undefined;
      let isIdle = false;
      let timer: NodeJS.Timeout | undefined;
      const finish = () => {
        clearTimeout(timer);
        this.pending.delete(id);
        if (reply) resolve(reply);
      };
      this.pending.set(id, {
        onInput: options.onInput,
        fail: reject,
        onReply: (received) => {
          reply = received;
          // Only a cell has output to wait for.
          if (isIdle || type !== "execute_request") finish();
          else timer = setTimeout(finish, IDLE_AFTER_REPLY_MS);
        },
        onIopub: (received) => {
          options.onMessage?.(received);
          isIdle ||= received.header.msg_type === "status" && received.content.execution_state === "idle";
          if (isIdle && reply) finish();
        },
      });
      this.sockets.send(channel, message);
    });
  }

  private receive(channel: HeardChannel, message: Message): void {
    const parent = this.pending.get(message.parent_header.msg_id ?? "");
    if (channel === "stdin") {
      if (message.header.msg_type === "input_request") void this.answerInput(message, parent?.onInput);
    } else if (channel === "iopub") {
      this.hasHeardIopub = true;
      for (const listener of this.listeners) listener(message);
      parent?.onIopub(message);
      this.routeComm(message);
    } else {
      parent?.onReply(message);
    }
  }

  private async answerInput({ content, header }: Message, onInput: ExecuteOptions["onInput"]): Promise<void> {
    const prompt = typeof content.prompt === "string" ? content.prompt : "";
    const value = (await onInput?.(prompt, content.password === true)) ?? "";
    const channel: ClientChannel = "stdin";
    this.sockets.send(channel, this.composer.message("input_reply", { status: "ok", value }, { parent: header }));
  }

  private routeComm({ header, content, buffers }: Message): void {
    const comm = this.comms.get(String(content.comm_id));
    if (!comm) return;
    const data = (content.data ?? {}) as JsonObject;
    if (header.msg_type === "comm_msg") comm.onMessage(data, buffers);
    if (header.msg_type === "comm_close") {
      this.comms.delete(comm.id);
      comm.onClose(data);
    }
  }
}

function pause(ms: number): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(undefined), ms);
  });
}

function readError(content: JsonObject): ErrorContent {
  const { ename = content.status, evalue = "", traceback } = content;
  return {
    ename: String(ename),
    evalue: String(evalue),
    traceback: Array.isArray(traceback) ? traceback.map(String) : [],
  };
}
