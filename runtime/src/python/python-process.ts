/**
 * The Python process beside a worker: started with the worker's first call to Python, kept for the next ones. It ends with
 * the worker, and the worker with it when it ends during a call: so a crash of Python is a crash of the worker.
 */
import { AsyncResource } from "node:async_hooks";
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { errorFromWire, RuntimeEnvError } from "../errors.ts";
import { VISIBLE_GPUS_VARIABLE } from "../node/gpu-ids.ts";
import { programUrl } from "../node/program-url.ts";
import type { Payload } from "../protocol/codec.ts";
import { findPython, OLDEST_PYTHON } from "./find-python.ts";
import { valueOfPython } from "./python-codec.ts";
import type { FromPython, Part, ToPython, ToPythonNow } from "./python-messages.ts";
import { mapShared, share, sharesMemory } from "./shared-memory.ts";

const HEAD_BYTES = 8;
/** Parts from this size on are shared instead of sent. */
const SHARED_BYTES = 256 * 1024;
/** How long what was printed may take to leave this process before it ends. */
const LAST_WORDS_MS = 100;
const TOO_OLD = 93;
const START = [
  "import sys",
  `if sys.version_info < (${OLDEST_PYTHON.replace(".", ", ")}): sys.exit(${TOO_OLD})`,
  "sys.path.append(sys.argv[1])",
  "from mobula_python.process import main",
  "main(sys.argv[2], int(sys.argv[3]))",
].join("\n");

/** The parts of a value, or nothing where there is no other item. */
type Reply = readonly Uint8Array[] | undefined;

interface Pending {
  readonly lent: readonly number[];
  /** Where calls overlap: what is printed in it belongs to the call. */
  readonly within: AsyncResource | undefined;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

export class PythonProcess {
  readonly #child: ChildProcess;
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  readonly #ready: Promise<void>;
  #onReady: (() => void) | undefined;
  #onFailed: ((error: Error) => void) | undefined;
  #lastId = 0;
  #received: Buffer[] = [];
  #receivedBytes = 0;
  /** The next frame: 8 until its lengths are known. */
  #wantedBytes = HEAD_BYTES;
  #isActor = false;
  #overlaps = false;
  #isOver = false;

  static #current: PythonProcess | undefined;
  static #currentKey = "";

  /** @param folder - of the caller; modules are looked for there, behind the working directory */
  static for(folder: string): PythonProcess {
    // Libraries look at their GPUs once.
    const key = `${folder}\n${process.env[VISIBLE_GPUS_VARIABLE] ?? ""}`;
    const current = PythonProcess.#current;
    if (current !== undefined && !current.#isOver && (key === PythonProcess.#currentKey || current.#isActor)) {
      return current;
    }
    if (current !== undefined) current.#end();
    PythonProcess.#currentKey = key;
    PythonProcess.#current = new PythonProcess(folder);
    return PythonProcess.#current;
  }

  private constructor(folder: string) {
    const python = findPython();
    const root = fileURLToPath(new URL("../python/", programUrl("x")));
    const args = ["-X", "utf8", "-c", START, root, folder, String(process.pid)];
    this.#child = spawn(python, args, { stdio: ["ignore", "inherit", "inherit", "pipe"] });
    this.#socket = this.#child.stdio[3] as Socket;
    this.#socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    // Its end is told by the process.
    this.#socket.on("error", () => {});
    this.#ready = new Promise((resolve, reject) => {
      this.#onReady = resolve;
      this.#onFailed = reject;
    });
    this.#child.once("error", (error) => this.#failedToStart(`${python} cannot be started: ${error.message}`));
    // `close` comes after the last output; a process that it has forked may keep the pipes open.
    this.#child.once("exit", (code, signal) => setTimeout(() => this.#ended(python, code, signal), 200));
    this.#child.once("close", (code, signal) => this.#ended(python, code, signal));
  }

  /** The result of a request; as bytes, since code that waits reads it. Interrupted when `signal` aborts. */
  async ask(request: ToPython, args: Payload | undefined, path: string, signal?: AbortSignal): Promise<unknown> {
    const reply = await this.#ask(request, args, path, signal);
    return reply === undefined || reply.length === 0 ? undefined : await valueOfPython(reply);
  }

  /** Items of a generator, made as they are asked for. */
  async *stream(
    request: Extract<ToPython, { readonly isStream?: boolean }>,
    args: Payload,
    path: string,
    signal?: AbortSignal,
  ): AsyncGenerator {
    const stream = this.#lastId + 1;
    await this.#ask({ ...request, isStream: true }, args, path, signal);
    let isOpen = true;
    try {
      for (;;) {
        const reply = await this.#ask({ type: "next", stream }, undefined, path, signal);
        if (reply === undefined) {
          isOpen = false;
          return;
        }
        yield await valueOfPython(reply);
      }
    } finally {
      if (isOpen) await this.#ask({ type: "close", stream }, undefined, path).catch(() => {});
    }
  }

  /** This process is the actor's from now on. @param overlaps - its calls do */
  becomeActor(overlaps: boolean): void {
    this.#isActor = true;
    this.#overlaps = overlaps;
  }

  #ask(request: ToPython, args: Payload | undefined, path: string, signal?: AbortSignal): Promise<Reply> {
    const id = ++this.#lastId;
    const onAbort = (): void => this.#tell({ type: "interrupt", id });
    const asked = this.#ready.then(
      () =>
        new Promise<Reply>((resolve, reject) => {
          const { parts, inline, lent } = describe(args === undefined ? [] : [args.bytes, ...args.buffers]);
          const within = this.#overlaps ? new AsyncResource("mobula-python-call") : undefined;
          this.#pending.set(id, { lent, resolve, reject, within });
          this.#write({ ...request, id, path, parts }, inline);
          if (signal?.aborted === true) onAbort();
          else signal?.addEventListener("abort", onAbort, { once: true });
        }),
    );
    return asked.finally(() => signal?.removeEventListener("abort", onAbort));
  }

  #tell(message: ToPythonNow): void {
    if (!this.#isOver) this.#write(message, []);
  }

  #write(message: object, inline: readonly Uint8Array[]): void {
    const header = Buffer.from(JSON.stringify(message));
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt32LE(header.byteLength, 0);
    head.writeUInt32LE(
      inline.reduce((sum, part) => sum + part.byteLength, 0),
      4,
    );
    this.#socket.cork();
    for (const part of [head, header, ...inline]) this.#socket.write(part);
    this.#socket.uncork();
  }

  // ── what it says ──────────────────────────────────────────────────────────────────────────────────────────────────

  #receive(chunk: Buffer): void {
    this.#received.push(chunk);
    this.#receivedBytes += chunk.length;
    while (this.#receivedBytes >= this.#wantedBytes) {
      const joined = this.#received.length === 1 ? chunk : Buffer.concat(this.#received);
      const headerEnd = HEAD_BYTES + joined.readUInt32LE(0);
      const end = headerEnd + joined.readUInt32LE(4);
      this.#received = [joined];
      this.#wantedBytes = end;
      if (joined.length < end) return;
      const rest = joined.subarray(end);
      this.#received = [rest];
      this.#receivedBytes = rest.length;
      this.#wantedBytes = HEAD_BYTES;
      this.#take(JSON.parse(joined.toString("utf8", HEAD_BYTES, headerEnd)), joined.subarray(headerEnd, end));
      chunk = rest;
    }
  }

  #take(message: FromPython, body: Buffer): void {
    switch (message.type) {
      case "ready":
        this.#onReady?.();
        return;
      case "output":
        this.#print(message);
        return;
      case "returned":
        this.#settle(message.id, ({ resolve }) => resolve(this.#parts(message.parts ?? [], body)));
        return;
      case "ended":
        this.#settle(message.id, ({ resolve }) => resolve(undefined));
        return;
      case "threw":
        this.#settle(message.id, ({ reject }) => reject(errorFromWire(message.error)));
    }
  }

  #print({ stream, text, id }: Extract<FromPython, { readonly type: "output" }>): void {
    const within = id === undefined ? undefined : this.#pending.get(id)?.within;
    if (within === undefined) process[stream].write(text);
    else within.runInAsyncScope(() => process[stream].write(text));
  }

  #settle(id: number, act: (pending: Pending) => void): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    for (const fd of pending.lent) closeSync(fd);
    act(pending);
  }

  #parts(about: readonly Part[], body: Buffer): Uint8Array[] {
    const fds: number[] = [];
    let at = 0;
    const parts = about.map(({ size, fd }) => {
      if (fd === undefined) {
        at += size;
        return body.subarray(at - size, at);
      }
      fds.push(fd);
      return mapShared(this.#child.pid ?? 0, fd, size);
    });
    if (fds.length > 0) this.#tell({ type: "mapped", fds });
    return parts;
  }

  // ── its end ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #end(): void {
    this.#isOver = true;
    this.#child.kill("SIGKILL");
  }

  #failedToStart(reason: string): void {
    this.#isOver = true;
    this.#onFailed?.(new RuntimeEnvError(`${reason}.`));
  }

  #ended(python: string, code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const how = signal ?? `exit code ${code}`;
    const tooOld = `Calls to Python need Python ${OLDEST_PYTHON} or newer, and ${python} is older: name another one in the variable MOBULA_PYTHON`;
    this.#failedToStart(code === TOO_OLD ? tooOld : `${python} ended at its start (${how}); see what it printed`);
    if (this.#pending.size === 0 && !this.#isActor) return;
    setTimeout(() => endAs(code, signal), LAST_WORDS_MS);
  }
}

/** Parts as the header names them: those that are sent, and the descriptors of those that are shared. */
function describe(parts: readonly Uint8Array[]): { parts: Part[]; inline: Uint8Array[]; lent: number[] } {
  const inline: Uint8Array[] = [];
  const lent: number[] = [];
  const about = parts.map((part): Part => {
    if (part.byteLength < SHARED_BYTES || !sharesMemory) {
      inline.push(part);
      return { size: part.byteLength };
    }
    const fd = share(part);
    lent.push(fd);
    return { size: part.byteLength, fd };
  });
  return { parts: about, inline, lent };
}

/** End this process as that one ended, so that the head says how. */
function endAs(code: number | null, signal: NodeJS.Signals | null): void {
  if (signal === null) process.exit(code ?? 1);
  process.kill(process.pid, signal);
  // Some signals are not for workers.
  setTimeout(() => process.kill(process.pid, "SIGKILL"), LAST_WORDS_MS);
}
