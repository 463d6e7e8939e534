/** What connects to a Ray cluster, as plain data. */

export interface RayOptions {
  /** As the user wrote it. */
  readonly address: string;
  /** Of the dashboard. */
  readonly host: string;
  readonly port: number;
  /** Ray's own, when the cluster wants one. */
  readonly token: string | undefined;
  /** Where the hub is reached, when that is not the dashboard's host and the port that the hub has: `host:port`. */
  readonly hub: string | undefined;
  /** Folder of this user's secrets, mode 0700. */
  readonly secrets: string;
  /** The hub ends when nobody has needed it for so long. */
  readonly idleMs: number;
}
