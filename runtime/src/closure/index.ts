/** Functions as data: what `task(fn)` sends to a worker, and how the worker gets the function back. */
import type { CodeReader, CodeWriter, DecodeHooks, EncodeHooks, Payload } from "../protocol/codec.ts";

export type AnyFunction = (...args: never[]) => unknown;
export type AnyClass = abstract new (...args: never[]) => unknown;

/** A function or class together with everything it needs. */
export interface CapturedCode {
  /** Content hash: same code with the same captured values has the same id. 32 hex digits. */
  readonly id: string;
  readonly name: string;
  readonly kind: "function" | "async" | "generator" | "async-generator" | "class";
  /** Send it to a worker once per `id`; `payload.refs` are the captured refs. */
  readonly payload: Payload;
  readonly sizeBytes: number;
  /** Captured variables of 1 MiB and more, for a warning: `[{ name: "weights", sizeBytes: 8_000_000 }]`. */
  readonly large: readonly { readonly name: string; readonly sizeBytes: number }[];
}

export interface CaptureOptions {
  /** How errors call it; default `fn.name`, else "anonymous". */
  readonly name?: string;
  /** Refs and actor handles inside captured values. */
  readonly hooks?: Pick<EncodeHooks, "refOf" | "actorOf">;
}

/**
 * Capture a function or class with its variables, as they are now. A repeated call gives the same `CapturedCode` object
 * as long as no captured variable was assigned since (changes inside a captured object are not noticed).
 *
 * @throws SerializationError that names the variable which cannot travel, and where it is used.
 */
export declare function captureFunction(fn: AnyFunction | AnyClass, options?: CaptureOptions): CapturedCode;

/** Has a variable that `captured` depends on been assigned since? `captureFunction` asks this itself. */
export declare function isStale(captured: CapturedCode): boolean;

/**
 * The function again, in any process. Its imports are loaded first; its stack traces show the original file and line.
 * Each call makes a new function with variables of its own.
 */
export declare function reviveFunction(payload: Payload, hooks?: DecodeHooks): Promise<(...args: unknown[]) => unknown>;

/** Give this as `code` to `encode`, so that functions and class instances inside values travel. */
export declare const closureWriter: CodeWriter;

/** Give this as `code` to `decode`. */
export declare const closureReader: CodeReader;
