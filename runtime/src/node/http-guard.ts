/** Who may talk to the head over HTTP: what is checked before a request is looked at any further. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";

export interface GuardOptions {
  /** What `Authorization: Bearer` must carry. */
  readonly token: string;
  /** Names by which this machine may be addressed, beside `localhost` and addresses of digits. */
  readonly hostNames: readonly string[];
}

/** Why a request is turned away. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/**
 * A web page that a user has open can send requests to this machine: with a name of its own that leads here (DNS
 * rebinding), or across origins. Neither `Host` nor `Origin` can be forged by a page, and a page does not know the token.
 *
 * @returns undefined when the request may pass
 */
export function refusalOf(headers: IncomingHttpHeaders, options: GuardOptions): Refusal | undefined {
  const { host, origin, authorization } = headers;
  if (host === undefined || !isKnownHost(host, options.hostNames)) {
    const message = `This cluster is not known as ${JSON.stringify(host ?? "")}: use its address, or start it with '--host' and that name`;
    return { status: 403, code: "UNKNOWN_HOST", message };
  }
  if (origin !== undefined && origin !== `http://${host}`) {
    const message = "Web pages of other origins may not talk to this cluster";
    return { status: 403, code: "FOREIGN_ORIGIN", message };
  }
  const given = /^bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
  if (given === undefined || !isSameSecret(given, options.token)) {
    const what = given === undefined ? "No token was given" : "The token is wrong";
    const message = `${what}: send 'Authorization: Bearer TOKEN' with the token that 'mobula start' printed`;
    return { status: 401, code: "UNAUTHORIZED", message };
  }
  return undefined;
}

/** Addresses of digits cannot be rebound: a page that uses one is of that origin. */
function isKnownHost(header: string, hostNames: readonly string[]): boolean {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::\d{1,5})?$/i.exec(header);
  const name = (match?.[1] ?? match?.[2] ?? "").toLowerCase();
  return isIP(name) > 0 || name === "localhost" || hostNames.some((known) => known.toLowerCase() === name);
}

/** Takes equally long wherever the two differ. */
export function isSameSecret(given: string, wanted: string): boolean {
  return timingSafeEqual(digest(given), digest(wanted));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
