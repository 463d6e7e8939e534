/** The built kernel as a process, and what tests ask of it. */
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import {
  type ExecuteOptions,
  type KernelClient,
  type Message,
  type RunningKernel,
  startKernel,
} from "../../../kernel/src/client/index.ts";

export const MAIN: string = fileURLToPath(new URL("../../../kernel/dist/main.js", import.meta.url));

/** Start a kernel in `directory`; the caller shuts it down. */
export function startRealKernel(
  directory: string,
  transport: "ipc" | "tcp" = "ipc",
  env: NodeJS.ProcessEnv = {},
  args: readonly string[] = [],
): Promise<RunningKernel> {
  return startKernel({
    command: [process.execPath, MAIN, "--connection-file", "{connection_file}", ...args],
    directory,
    transport,
    env: { ...process.env, ...env },
  });
}

/** What a cell came to, in short. */
export async function run(client: KernelClient, code: string, options: Parameters<KernelClient["execute"]>[1] = {}) {
  const messages: Message[] = [];
  const result = await client.execute(code, { ...options, onMessage: (message) => messages.push(message) });
  const ofType = (type: string) => messages.filter(({ header }) => header.msg_type === type);
  const stream = (name: string) =>
    ofType("stream")
      .filter(({ content }) => content.name === name)
      .map(({ content }) => String(content.text))
      .join("");
  return {
    ...result,
    messages,
    stdout: stream("stdout"),
    stderr: stream("stderr"),
    value: (ofType("execute_result")[0]?.content.data as Record<string, string> | undefined)?.["text/plain"],
    traceback: stripVTControlCharacters((result.error?.traceback ?? []).join("\n")),
  };
}

/** Process ids of all descendants of a process. */
export async function descendants(pid: number): Promise<number[]> {
  const parents = new Map<number, number>();
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = await readFile(`/proc/${entry}/stat`, "utf8").catch(() => "");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] !== "Z") parents.set(Number(entry), Number(fields[1]));
  }
  const found = [pid];
  for (const ancestor of found) {
    for (const [child, parent] of parents) if (parent === ancestor) found.push(child);
  }
  return found.slice(1);
}

/** Start a cell and wait until it has printed `mark`. */
export async function runUntil(
  client: KernelClient,
  code: string,
  mark: string,
  options: Pick<ExecuteOptions, "onInput" | "subshellId"> = {},
) {
  let hasStarted: (() => void) | undefined;
  const started = new Promise<void>((resolve) => {
    hasStarted = resolve;
  });
  const finished = client.execute(code, {
    ...options,
    onMessage: ({ content }) => {
      if (typeof content.text === "string" && content.text.includes(mark)) hasStarted?.();
    },
  });
  await Promise.race([started, finished]);
  return { finished };
}
