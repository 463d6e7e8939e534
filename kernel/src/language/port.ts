/** How the kernel reaches its language: a process where a snapshot to start from lies ready, else a thread. */
import { type ChildProcess, spawn } from "node:child_process";
import { Worker } from "node:worker_threads";
import type { FromLanguage, ToLanguage } from "./messages.ts";
import type { NotebookLanguageOptions } from "./notebook-language.ts";
import { findSnapshot } from "./snapshot.ts";

export interface LanguagePort {
  /** In one go: each passage of a process's border costs as much as the work on a small cell. */
  post(messages: readonly ToLanguage[]): void;
  /** Resolves when nothing of it is left. */
  close(): Promise<void>;
}

export interface PortEvents {
  readonly onMessage: (message: FromLanguage) => void;
  /** May be called more than once; the first reason is the one to tell. */
  readonly onEnd: (reason: string) => void;
}

export function openLanguage(options: NotebookLanguageOptions, events: PortEvents): LanguagePort {
  const snapshot = findSnapshot();
  return snapshot === undefined ? openThread(options, events) : new ProcessPort(snapshot, options, events);
}

function openThread(options: NotebookLanguageOptions, { onMessage, onEnd }: PortEvents): LanguagePort {
  const worker = new Worker(new URL("./thread.js", import.meta.url), { workerData: options, name: "language" });
  worker.on("message", onMessage);
  worker.on("error", (error) => onEnd(`The language thread failed: ${String(error)}`));
  worker.on("exit", (code) => onEnd(`The language thread ended with code ${code}`));
  return {
    post: (messages) => worker.postMessage(messages),
    close: async () => void (await worker.terminate()),
  };
}

/** A process that cannot start from the snapshot, as V8 may have been built differently, is replaced by a thread. */
class ProcessPort implements LanguagePort {
  readonly #options: NotebookLanguageOptions;
  readonly #events: PortEvents;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #watcher: ChildProcess | undefined;
  readonly #watcherExited: Promise<void>;
  #unheard: ToLanguage[] | undefined = [];
  #thread: LanguagePort | undefined;
  #isClosed = false;

  constructor(snapshot: string, options: NotebookLanguageOptions, events: PortEvents) {
    this.#options = options;
    this.#events = events;
    this.#child = startProcess(snapshot, options);
    if (this.#child.pid !== undefined) this.#watcher = startWatcher(this.#child.pid);
    this.#watcherExited = exitOf(this.#watcher);
    this.#exited = new Promise((resolve) => {
      this.#child.once("exit", (code, signal) => {
        resolve();
        this.#onExit(signal === null ? `with code ${code}` : `by ${signal}`);
      });
      this.#child.once("error", (error) => {
        // It never ran, or a message did not get through; then "exit" follows.
        if (this.#child.pid === undefined) {
          resolve();
          this.#onExit(`before it began: ${error.message}`);
        }
      });
    });
    this.#child.on("message", (message: FromLanguage) => {
      this.#unheard = undefined;
      events.onMessage(message);
    });
  }

  post(messages: readonly ToLanguage[]): void {
    if (this.#thread) {
      this.#thread.post(messages);
      return;
    }
    this.#unheard?.push(...messages);
    if (this.#child.connected) this.#child.send(messages, () => {});
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#child.kill("SIGKILL");
    await this.#exited;
    await this.#watcherExited;
    await this.#thread?.close();
  }

  #onExit(how: string): void {
    this.#watcher?.kill("SIGKILL");
    if (this.#unheard === undefined || this.#isClosed) {
      this.#events.onEnd(`The language process ended ${how}`);
      return;
    }
    this.#thread = openThread(this.#options, this.#events);
    this.#thread.post(this.#unheard);
    this.#unheard = undefined;
  }
}

function startProcess(snapshot: string, options: NotebookLanguageOptions): ChildProcess {
  // A snapshot does not start under other options of V8 than those it was made with.
  const { NODE_OPTIONS: _, ...env } = process.env;
  const args = ["--snapshot-blob", snapshot, "language", JSON.stringify(options)];
  return spawn(process.execPath, args, {
    env,
    // A group of its own: signals that a terminal or Jupyter sends to the kernel's group do not hit it.
    detached: true,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
}

/**
 * While it is busy, the process does not hear that its channel is closed. A shell does: it reads from this process, and
 * when there is nobody left who could write, it ends the other one.
 */
function startWatcher(pid: number): ChildProcess {
  const watcher = spawn("/bin/sh", ["-c", 'read -r nothing; kill -9 "$1"', "mobula-watcher", String(pid)], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  watcher.on("error", () => {}); // Without a shell it hears of it when it is no longer busy.
  return watcher;
}

/** Resolves when a process that was started has ended; at once when there is none. */
function exitOf(child: ChildProcess | undefined): Promise<void> {
  if (child?.pid === undefined) return Promise.resolve();
  return new Promise((resolve) => void child.once("exit", () => resolve()));
}
