/** Between the driver's main thread and the thread that owns its connection. */
import type { WireError } from "../../errors.ts";
import type { RemoteHello } from "../../protocol/remote.ts";

export interface LinkThreadData {
  /** `ws://host:port/remote`. */
  readonly url: string;
  /** As the user wrote it, for messages. */
  readonly address: string;
  readonly token: string | undefined;
  /** Names the session to the cluster; a secret. */
  readonly session: string;
  readonly hello: Omit<RemoteHello, "received">;
  /** A peer that says nothing for three times as long is gone. */
  readonly heartbeatMs: number;
  /** `[KiB of blobs that wait to be sent, 1 when the link has ended]`; woken on every change. */
  readonly state: Int32Array;
}

export const WAITING_KIB = 0;
export const HAS_ENDED = 1;

export type ToLinkThread =
  /** Packed array of messages. */
  | { readonly type: "messages"; readonly packed: Uint8Array }
  | { readonly type: "blob"; readonly blob: number; readonly parts: readonly Uint8Array[] }
  /** Make this socket for panels. */
  | { readonly type: "serve-views"; readonly address: string }
  /** Say goodbye, then end. */
  | { readonly type: "close" };

export type FromLinkThread =
  | { readonly type: "messages"; readonly packed: Uint8Array }
  | { readonly type: "blob"; readonly blob: number; readonly parts: readonly Uint8Array[] }
  /** For good: nothing comes after this one. */
  | { readonly type: "ended"; readonly error: WireError };
