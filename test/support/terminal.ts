/** A program in a pseudo terminal, used as a person does: keys in, and waiting for what shows. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { VENV_PYTHON } from "./jupyter-home.ts";

/** Node has no pseudo terminals, Python's library has. */
const IN_TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
const WITH_SIZE = 'stty rows 50 cols 160; exec "$@"';

export const KEYS = { enter: "\r", up: "\x1b[A", interrupt: "\x03", endOfInput: "\x04" } as const;

export class Terminal {
  /** Exit code of the program. */
  readonly ended: Promise<number | null>;
  private readonly child: ChildProcessWithoutNullStreams;
  private written = "";
  private seen = 0;

  constructor(command: readonly string[], options: { cwd: string; env: NodeJS.ProcessEnv }) {
    // The terminal cannot be asked where its cursor is.
    const env = { ...options.env, TERM: "xterm", PROMPT_TOOLKIT_NO_CPR: "1" };
    const program = ["-c", IN_TERMINAL, "sh", "-c", WITH_SIZE, "sh", ...command];
    this.child = spawn(VENV_PYTHON, program, { cwd: options.cwd, env });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (this.written += text));
    }
    this.ended = new Promise((resolve) => this.child.once("close", resolve));
  }

  /** Press keys. */
  type(keys: string): void {
    this.child.stdin.write(keys);
  }

  /** Wait until `pattern` shows; what stands before it counts as read. Returns its first group, or all of it. */
  async shows(pattern: string | RegExp, timeoutMs = 30_000): Promise<string> {
    const deadline = Date.now() + timeoutMs;
    const expression = typeof pattern === "string" ? new RegExp(pattern.replaceAll(/[^\w\s]/g, "\\$&")) : pattern;
    for (;;) {
      const unread = stripVTControlCharacters(this.written).slice(this.seen);
      const found = expression.exec(unread);
      if (found) {
        this.seen += found.index + found[0].length;
        return found[1] ?? found[0];
      }
      const hasEnded = this.child.exitCode !== null;
      if (hasEnded || Date.now() > deadline) {
        throw new Error(
          `The terminal ${hasEnded ? "ended" : "waits"} and does not show ${pattern}; unread: ${JSON.stringify(unread)}`,
        );
      }
      await sleep(20);
    }
  }

  /** Hang up. Resolves when the program is gone. */
  async close(): Promise<void> {
    this.child.kill("SIGHUP");
    await this.ended;
  }
}
