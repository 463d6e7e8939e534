/** Between the driver's main thread and the thread that owns its connection. */
import type { WireError } from "../../errors.ts";
import type { TaskGroupView } from "../../protocol/cluster-view.ts";
import type { RemoteHello } from "../../protocol/remote.ts";
import type { RayOptions } from "../ray/ray-options.ts";

/** The thread that owns a connection, by its program. */
export interface LinkProgram {
  /** Below this package's root, without extension. */
  readonly path: string;
  readonly data: object;
}

export interface LinkThreadState {
  /** `[KiB of blobs that wait to be sent, 1 when the link has ended]`; woken on every change. */
  readonly state: Int32Array;
}

/** Where a session is to be had. */
export interface LinkTarget {
  /** `ws://host:port/remote`. */
  readonly url: string;
  readonly token: string | undefined;
}

export interface LinkData {
  /** Through Ray's dashboard it has to be found first. */
  readonly target: LinkTarget | { readonly ray: RayOptions };
  /** As the user wrote it, for messages. */
  readonly address: string;
  /** Names the session to the cluster; a secret. */
  readonly session: string;
  readonly hello: Omit<RemoteHello, "received">;
  /** A peer that says nothing for three times as long is gone. */
  readonly heartbeatMs: number;
}

export type LinkThreadData = LinkData & LinkThreadState;

/** What a piece of a blob counts for there, on both sides. */
export function kibOf(bytes: number): number {
  return Math.ceil(bytes / 1024);
}

export const WAITING_KIB = 0;
export const HAS_ENDED = 1;

export type ToLinkThread =
  /** Packed array of messages. */
  | { readonly type: "messages"; readonly packed: Uint8Array }
  /** The next bytes of a blob; with the first come the lengths of its parts. */
  | { readonly type: "piece"; readonly blob: number; readonly piece: Uint8Array; readonly lengths?: readonly number[] }
  /** Make this socket for panels. */
  | { readonly type: "serve-views"; readonly address: string }
  /** What this driver's calls came to, for panels that its own thread serves. */
  | { readonly type: "work-counted"; readonly groups: readonly TaskGroupView[] }
  /** Say goodbye, then end. */
  | { readonly type: "close" };

export type FromLinkThread =
  | { readonly type: "messages"; readonly packed: Uint8Array }
  | { readonly type: "blob"; readonly blob: number; readonly parts: readonly Uint8Array[] }
  /** A panel wants this. */
  | { readonly type: "cancel-tasks"; readonly function: string; readonly cellId?: string }
  /** For good: nothing comes after this one. */
  | { readonly type: "ended"; readonly error: WireError };
