/**
 * What a worker and the Python process beside it say to each other, over a socket pair: frames of two lengths (u32, little
 * endian), a header in JSON and the parts that are sent. The other end is `runtime/python/mobula_python/process.py`.
 */
import type { WireError } from "../errors.ts";

/** Part of a value: sent with the frame, or in memory that the other process maps, a file descriptor of the sender's. */
export interface Part {
  readonly size: number;
  readonly fd?: number;
}

export type ToPython =
  /** Call a function, `module:name`. With `isStream` its items are asked for one by one. */
  | { readonly type: "call"; readonly name: string; readonly isStream?: boolean }
  /** Be an actor of this class, whose calls run in so many threads; with 1, in the main one. */
  | { readonly type: "make"; readonly name: string; readonly threads: number }
  | { readonly type: "method"; readonly method: string; readonly isStream?: boolean }
  | { readonly type: "next"; readonly stream: number }
  | { readonly type: "close"; readonly stream: number };

export type ToPythonNow =
  | { readonly type: "interrupt"; readonly id: number }
  /** These were mapped, and may be closed. */
  | { readonly type: "mapped"; readonly fds: readonly number[] };

export type FromPython =
  | { readonly type: "ready" }
  | { readonly type: "returned"; readonly id: number; readonly parts?: readonly Part[] }
  /** There is no other item. */
  | { readonly type: "ended"; readonly id: number }
  | { readonly type: "threw"; readonly id: number; readonly error: WireError }
  /** `id`: whose call it is, where several run. */
  | { readonly type: "output"; readonly stream: "stdout" | "stderr"; readonly text: string; readonly id?: number };
