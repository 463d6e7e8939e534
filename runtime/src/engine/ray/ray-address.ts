/** Addresses of Ray clusters: those of their dashboards. */
import { ConnectionFailedError } from "../../errors.ts";

const DASHBOARD_PORT = 8265;
/** That of Ray Client, which Python programs write. */
const CLIENT_PORT = 10_001;
/** That of the head's own store, which `ray start --address` takes. */
const GCS_PORT = 6379;

export function isRayAddress(address: string): boolean {
  return /^ray:\/\//i.test(address);
}

/** `ray://host`, or `ray://host:port`. @throws ConnectionFailedError when it is none */
export function parseRayAddress(address: string): { readonly host: string; readonly port: number } {
  const match = /^ray:\/\/(\[[0-9a-f:.]+\]|[^\s/?#:@[\]]+)(?::(\d{1,5}))?\/?$/i.exec(address);
  const host = match?.[1];
  const port = Number(match?.[2] ?? DASHBOARD_PORT);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new ConnectionFailedError(address, "it is no address of a Ray cluster: write ray://host:8265");
  }
  if (port === CLIENT_PORT || port === GCS_PORT) {
    const whose = port === CLIENT_PORT ? "Ray Client, for Python programs" : "Ray's own processes";
    throw new ConnectionFailedError(
      address,
      `port ${port} is that of ${whose}; name the dashboard's, as in ray://${host}:${DASHBOARD_PORT}`,
    );
  }
  return { host, port };
}
