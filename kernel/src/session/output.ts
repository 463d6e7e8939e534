/** Routes what JavaScript prints to the cell that caused it. Output of native code takes the process's pipes instead. */
import { Console } from "node:console";
import { StringDecoder } from "node:string_decoder";
import { currentContext } from "./execution-context.ts";
import type { Execution } from "./session.ts";

type StreamName = "stdout" | "stderr";
/** Receives printed text; `execution` is absent when no cell caused it. */
export type PrintText = (execution: Execution | undefined, name: StreamName, text: string) => void;

/** Redirect `process.stdout`, `process.stderr` and `console` to `print`. */
export function installOutput(print: PrintText): void {
  redirect(process.stdout, "stdout", print);
  redirect(process.stderr, "stderr", print);
  colourConsole();
}

function redirect(stream: NodeJS.WriteStream, name: StreamName, print: PrintText): void {
  const decoder = new StringDecoder("utf8");
  const write = (chunk: string | Uint8Array, encodingOrDone?: unknown, maybeDone?: unknown): boolean => {
    const done = typeof encodingOrDone === "function" ? encodingOrDone : maybeDone;
    const text = typeof chunk === "string" ? decode(chunk, encodingOrDone) : decoder.write(Buffer.from(chunk));
    if (text !== "") print(currentContext()?.execution, name, text);
    if (typeof done === "function") process.nextTick(done);
    return true;
  };
  stream.write = write;
}

/** Text that is given as hex or base64, as it is meant. */
function decode(text: string, encoding: unknown): string {
  const isEncoded = typeof encoding === "string" && Buffer.isEncoding(encoding) && !/^utf-?8$/i.test(encoding);
  return isEncoded ? Buffer.from(text, encoding).toString("utf8") : text;
}

/**
 * Let `console` colour the objects it prints: the streams are no terminals, but front ends show ANSI colour. The object
 * stays the same one, for code that kept a reference to it.
 */
function colourConsole(): void {
  if (process.env.NO_COLOR) return;
  const coloured = new Console({ stdout: process.stdout, stderr: process.stderr, colorMode: true });
  const own = Object.entries(coloured).filter(([name, value]) => typeof value === "function" && name in console);
  Object.assign(console, Object.fromEntries(own));
}
