/** Runs cells in one of the two kernels, and says what became of each in terms that both share. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { type RunningKernel, startKernel } from "../../../kernel/src/client/index.ts";
import type { ErrorContent, Message } from "../../../kernel/src/protocol/messages.ts";
import { FILES } from "./corpus.ts";

export interface Outcome {
  readonly status: "ok" | "refused" | "threw" | "ended";
  /** First line of what is wrong. */
  readonly message: string;
  /** What the cell printed, and below it its value. */
  readonly text: string;
  readonly errors: string;
  /** MIME bundles of what it displayed. */
  readonly displays: readonly unknown[];
}

/** How a kernel says what it does. */
export interface Dialect {
  readonly command: readonly string[];
  /** Packages that the user of this kernel installs beside the notebook: name → folder. */
  readonly packages: Readonly<Record<string, string>>;
  read(heard: Heard): Outcome;
}

/** What a client hears of a cell. */
export interface Heard {
  readonly stdout: string;
  readonly stderr: string;
  readonly displays: readonly unknown[];
  readonly value: string | undefined;
  readonly error: ErrorContent | undefined;
}

/** Notebook → name of a cell → something of it. */
export type ByCell<T> = Readonly<Record<string, Readonly<Record<string, T>>>>;

/** Run the notebooks one after the other, in a folder with the corpus's files. Keys of the result: "notebook/cell". */
export async function runNotebooks(
  dialect: Dialect,
  notebooks: ByCell<string>,
  directory: string,
): Promise<ReadonlyMap<string, Outcome>> {
  writeFiles(directory, dialect.packages);
  const outcomes = new Map<string, Outcome>();
  await using runner = new Runner(dialect, directory);
  for (const [notebook, cells] of Object.entries(notebooks)) {
    const found = await withAllMessages(() => runner.run(cells));
    for (const [cell, outcome] of found) outcomes.set(`${notebook}/${cell}`, outcome);
  }
  return outcomes;
}

class MessagesLostError extends Error {
  override readonly name = "MessagesLostError";
}

/** tslab does not wait for its sockets, and what it sends while one is busy is lost. Then the notebook runs once more. */
async function withAllMessages<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof MessagesLostError) || attempt === 4) throw error;
    }
  }
}

/** One kernel, and another one when it ends or loses messages. */
class Runner {
  private readonly dialect: Dialect;
  private readonly directory: string;
  private kernel: RunningKernel | undefined;

  constructor(dialect: Dialect, directory: string) {
    this.dialect = dialect;
    this.directory = directory;
  }

  async run(cells: Readonly<Record<string, string>>): Promise<ReadonlyMap<string, Outcome>> {
    const outcomes = new Map<string, Outcome>();
    for (const [name, code] of Object.entries(cells)) {
      this.kernel ??= await this.start();
      const heard = await runCell(this.kernel, code).catch((error: unknown) => this.stopAnd(error));
      outcomes.set(name, heard === undefined ? ENDED : this.dialect.read(heard));
      if (heard === undefined) await this.stop();
    }
    return outcomes;
  }

  private start(): Promise<RunningKernel> {
    const { command } = this.dialect;
    return startKernel({ command, directory: this.directory, transport: "tcp", startTimeoutMs: 60_000 });
  }

  private async stopAnd(error: unknown): Promise<never> {
    await this.stop();
    throw error;
  }

  private async stop(): Promise<void> {
    await this.kernel?.kill();
    this.kernel = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

const ENDED: Outcome = { status: "ended", message: "", text: "", errors: "", displays: [] };

function writeFiles(directory: string, packages: Dialect["packages"]): void {
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  for (const [name, folder] of Object.entries(packages)) {
    mkdirSync(dirname(join(directory, "node_modules", name)), { recursive: true });
    symlinkSync(folder, join(directory, "node_modules", name));
  }
}

/** `undefined` when the kernel ended. */
async function runCell(kernel: RunningKernel, code: string): Promise<Heard | undefined> {
  for (;;) {
    const messages: Message[] = [];
    const options = { stopOnError: false, onMessage: (message: Message) => void messages.push(message) };
    const result = await kernel.client.execute(code, options).catch(() => undefined);
    if (result === undefined) return undefined;
    // tslab refuses everything for a moment after a cell that failed.
    if (!messages.some(({ content }) => content.execution_state === "idle")) {
      throw new MessagesLostError(`The kernel never said that it is idle after:\n${code}`);
    }
    if (result.error?.ename !== "abort") return listen(messages, result.error);
    await sleep(30);
  }
}

function listen(messages: readonly Message[], error: ErrorContent | undefined): Heard {
  const ofType = (type: string) => messages.filter(({ header }) => header.msg_type === type);
  const stream = (name: string) =>
    ofType("stream")
      .filter(({ content }) => content.name === name)
      .map(({ content }) => String(content.text))
      .join("");
  const value = ofType("execute_result")[0]?.content.data as Record<string, string> | undefined;
  return {
    stdout: stripVTControlCharacters(stream("stdout")),
    stderr: stripVTControlCharacters(stream("stderr")),
    displays: messages
      .filter(({ header }) => header.msg_type.endsWith("display_data"))
      .map(({ header, content }) => [header.msg_type, content.data]),
    value: value?.["text/plain"] === undefined ? undefined : stripVTControlCharacters(value["text/plain"]),
    error,
  };
}
