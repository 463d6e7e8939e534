import { onTestFinished } from "vitest";
import type { Npm } from "../../../kernel/src/core/cell-runner.ts";
import type { OpenCommEndpoint } from "../../../kernel/src/core/comms.ts";
import type { DebuggerOptions } from "../../../kernel/src/core/debugger.ts";
import { Kernel } from "../../../kernel/src/core/kernel.ts";
import { MessageComposer } from "../../../kernel/src/protocol/header.ts";
import type { JsonObject, Message } from "../../../kernel/src/protocol/messages.ts";
import { MemoryTransport } from "../../../kernel/src/transport/memory.ts";
import type { RequestChannel } from "../../../kernel/src/transport/transport.ts";
import { MemoryLanguage } from "./memory-language.ts";
import { MemorySession } from "./memory-session.ts";

export interface SendOptions {
  readonly channel?: RequestChannel;
  readonly metadata?: JsonObject;
  readonly buffers?: readonly Uint8Array[];
  readonly subshellId?: string;
}
/** A debugger that reads no file. */
export const DEBUGGER: DebuggerOptions = {
  pathPrefix: "/cells/",
  internalPatterns: [],
  readFile: (path) => Promise.resolve(`// ${path}`),
};

/** An npm that installs nothing, and says so. */
export class MemoryNpm implements Npm {
  readonly runs: (readonly string[])[] = [];
  readonly versions = new Map<string, string>();
  exitCode: number | null = 0;

  run: Npm["run"] = ({ args, onText }) => {
    this.runs.push(args);
    onText("done\n", "stdout");
    return Promise.resolve(this.exitCode);
  };

  installedVersion(name: string): string | undefined {
    return this.versions.get(name);
  }
}

/** A kernel with memory parts, and a front end that talks to it. */
export class KernelWorld {
  readonly transport = new MemoryTransport();
  readonly session = new MemorySession();
  /** Every language the kernel started; the last one is in use. */
  readonly languages: MemoryLanguage[] = [];
  readonly kernel: Kernel;
  readonly warnings: string[] = [];
  readonly npm = new MemoryNpm();
  private readonly composer = new MessageComposer();
  private readonly waiting = new Set<() => void>();

  constructor(options: { openCommEndpoint?: OpenCommEndpoint } = {}) {
    this.transport.onSent = () => {
      for (const check of this.waiting) check();
    };
    this.kernel = new Kernel({
      transport: this.transport,
      session: this.session,
      startLanguage: () => {
        const language = new MemoryLanguage();
        this.languages.push(language);
        return language;
      },
      debugger: DEBUGGER,
      npm: this.npm,
      openCommEndpoint: options.openCommEndpoint ?? refuseEndpoint,
      warn: (text) => this.warnings.push(text),
    });
    onTestFinished(() => this.kernel.close());
    this.kernel.start();
  }

  get language(): MemoryLanguage {
    return this.languages.at(-1) as MemoryLanguage;
  }

  /** Send a message; returns its id. */
  send(type: string, content: object = {}, options: SendOptions = {}): string {
    const message = this.composer.message(type, content, {
      metadata: options.metadata ?? {},
      buffers: options.buffers ?? [],
      ...(options.subshellId === undefined ? {} : { subshellId: options.subshellId }),
    });
    this.transport.request(options.channel ?? "shell", message);
    return message.header.msg_id;
  }

  /** Send a request and wait until the kernel is idle after it. */
  async request(type: string, content: object = {}, options: SendOptions = {}): Promise<Answer> {
    return this.answerTo(this.send(type, content, options));
  }

  execute(code: string, content: object = {}, metadata: JsonObject = {}): Promise<Answer> {
    return this.request("execute_request", { code, ...content }, { metadata });
  }

  /** Make a subshell; returns its id. */
  async createSubshell(): Promise<string> {
    const { reply } = await this.request("create_subshell_request", {}, { channel: "control" });
    return String(reply.content.subshell_id);
  }

  async answerTo(messageId: string): Promise<Answer> {
    await this.until(() => this.broadcastsOf(messageId).at(-1)?.content.execution_state === "idle");
    const sent = this.transport.sent.filter(({ message }) => message.parent_header.msg_id === messageId);
    const reply = sent.find(({ channel }) => channel !== "iopub");
    return { reply: reply?.message as Message, broadcasts: this.broadcastsOf(messageId), sent };
  }

  /** IOPub messages that a request caused, so far. */
  broadcastsOf(messageId: string): Message[] {
    return this.broadcasts().filter((message) => message.parent_header.msg_id === messageId);
  }

  broadcasts(): Message[] {
    return this.transport.sent.filter(({ channel }) => channel === "iopub").map(({ message }) => message);
  }

  /** Wait until something holds; looked at after each message of the kernel. */
  async until(condition: () => boolean): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve) => {
      const check = () => {
        if (!condition()) return;
        this.waiting.delete(check);
        resolve();
      };
      this.waiting.add(check);
    });
  }
}

export interface Answer {
  readonly reply: Message;
  readonly broadcasts: readonly Message[];
  /** Both, in the order they were sent. */
  readonly sent: readonly { readonly channel: string; readonly message: Message }[];
}

/** `busy`, `stream`, …: what a test compares when only kinds and order count. */
export function kinds(messages: readonly Message[]): string[] {
  return messages.map(({ header, content }) =>
    header.msg_type === "status" ? String(content.execution_state) : header.msg_type,
  );
}

const refuseEndpoint: OpenCommEndpoint = () => {
  throw new Error("this test delegates no comms");
};
