/** Starts this workspace's kernel for a notebook run. */
import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { type Message, type RunningKernel, startKernel } from "@mobula/kernel/client";
import { kernelMain } from "./kernel-program.ts";
import type { JsonObject } from "./notebook.ts";
import type { CellMessage, CellReply, CellRequest, NotebookKernel } from "./run-notebook.ts";

export interface KernelLauncherOptions {
  /** Where the notebook lies; the kernel starts there. */
  readonly directory: string;
  /** What a type error does. Default: the kernel's, `error`. */
  readonly check?: "error" | "warn" | "off" | undefined;
}

/** Starts one kernel, and can end it at any moment. */
export class KernelLauncher {
  readonly #options: KernelLauncherOptions;
  #running: RunningKernel | undefined;

  constructor(options: KernelLauncherOptions) {
    this.#options = options;
  }

  /** @throws KernelDiedError when the kernel does not come up. */
  async start(): Promise<NotebookKernel> {
    const { directory, check } = this.#options;
    const command = [
      process.execPath,
      kernelMain(),
      "--connection-file",
      "{connection_file}",
      "--directory",
      directory,
    ];
    if (check !== undefined) command.push("--check", check);
    this.#running = await startKernel({ command, directory });
    const info = await this.#running.client.kernelInfo();
    return new LaunchedKernel(this.#running, { ...info.language_info });
  }

  /** End the kernel now, without asking it; what it started ends by itself when it misses the kernel. */
  kill(): void {
    if (this.#running?.pid === undefined) return;
    try {
      // The kernel leads a process group of its own.
      process.kill(-this.#running.pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
    rmSync(dirname(this.#running.connectionFile), { recursive: true, force: true });
  }
}

class LaunchedKernel implements NotebookKernel {
  readonly languageInfo: JsonObject;
  readonly #kernel: RunningKernel;
  /** By the `msg_id` of its request: who hears what a cell publishes, also after its end. */
  readonly #listeners = new Map<string, CellRequest["onMessage"]>();

  constructor(kernel: RunningKernel, languageInfo: JsonObject) {
    this.#kernel = kernel;
    this.languageInfo = languageInfo;
    kernel.client.onIopub((message) => this.#listeners.get(parentIdOf(message))?.(cellMessage(message)));
  }

  async execute({ code, cellId, stopOnError, onMessage }: CellRequest): Promise<CellReply> {
    const { reply } = await this.#kernel.client.execute(code, {
      cellId,
      stopOnError,
      onMessage: (message) => {
        // The first message tells the request's id; from then on the listener above hears them.
        if (this.#listeners.has(parentIdOf(message))) return;
        this.#listeners.set(parentIdOf(message), onMessage);
        onMessage(cellMessage(message));
      },
    });
    return { content: { ...reply.content }, metadata: { ...reply.metadata }, date: reply.header.date };
  }

  interrupt(): Promise<void> {
    return this.#kernel.client.interrupt();
  }

  close(): Promise<void> {
    return this.#kernel.shutdown();
  }
}

function parentIdOf(message: Message): string {
  return message.parent_header.msg_id ?? "";
}

function cellMessage({ header, content }: Message): CellMessage {
  return { type: header.msg_type, content: { ...content }, date: header.date };
}
