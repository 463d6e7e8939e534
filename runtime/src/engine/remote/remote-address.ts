/** Addresses of clusters on other machines. */
import { ConnectionFailedError } from "../../errors.ts";

export interface RemoteAddress {
  /** As URLs have it: IPv6 in brackets. */
  readonly host: string;
  readonly port: number;
  readonly isSecure: boolean;
}

/** Is it the address of a cluster on another machine, or meant to be one? */
export function isRemoteAddress(address: string): boolean {
  return /^mobulas?:\/\//i.test(address);
}

/** `mobula://host:port`, or `mobulas://` for TLS. @throws ConnectionFailedError when it is none */
export function parseAddress(address: string): RemoteAddress {
  const match = /^mobula(s?):\/\/(\[[0-9a-f:.]+\]|[^\s/?#:@[\]]+):(\d{1,5})\/?$/i.exec(address);
  const port = Number(match?.[3] ?? 0);
  const host = match?.[2];
  if (host === undefined || port < 1 || port > 65_535) {
    throw new ConnectionFailedError(
      address,
      "it is no address of a cluster: write mobula://host:port, with the port that `mobula start` printed",
    );
  }
  return { host, port, isSecure: match?.[1] !== "" };
}
