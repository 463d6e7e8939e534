/** Makes the WebSocket to the cluster, greets, and makes it again when it is cut. */
import type { ClientRequest, IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { ConnectionFailedError, EngineClosedError } from "../../errors.ts";
import {
  REMOTE_PROTOCOL,
  RESUME_HEADER,
  type RemoteGreeting,
  SESSION_GONE_STATUS,
  SESSION_HEADER,
} from "../../protocol/remote.ts";
import {
  FRAME,
  MAX_REMOTE_FRAME_BYTES,
  makeFrame,
  packHeader,
  readFrame,
  unpackHeader,
} from "../../protocol/remote-frames.ts";
import type { LinkData, LinkTarget } from "./link-messages.ts";
import type { ReliableChannel } from "./reliable-channel.ts";

/** From the first packet to the greeting. */
const GREET_WITHIN_MS = 8_000;
const MAX_REFUSAL_CHARS = 10_000;
const REDIAL_FIRST_MS = 50;
const REDIAL_LONGEST_MS = 2_000;

export interface DialTarget extends LinkTarget {
  /** What to do about a hub that cannot be reached; without it, the cause says so. */
  readonly fix?: string;
  /** Is there nothing to come back to? Asked when the connection is lost. Answers why, or undefined. */
  goneFor?(): Promise<string | undefined>;
}

type State =
  | { readonly name: "dialing" | "greeting" | "attached" | "ended" }
  | { readonly name: "waiting"; readonly timer: NodeJS.Timeout };

export class Dialer {
  readonly #data: LinkData;
  readonly #target: DialTarget;
  readonly #channel: ReliableChannel;
  readonly #onEnded: (error: Error) => void;
  #state: State = { name: "dialing" };
  #socket: WebSocket | undefined;
  /** Set once the first greeting was answered: from then on failures are tried again. */
  #isWelcome = false;
  #lostAtMs = 0;
  #redialMs = REDIAL_FIRST_MS;
  #lastHeardMs = 0;
  #heartbeat: NodeJS.Timeout | undefined;

  /** @param onEnded - called once, when there is no connection and will be none. */
  constructor(data: LinkData, target: DialTarget, channel: ReliableChannel, onEnded: (error: Error) => void) {
    this.#data = data;
    this.#target = target;
    this.#channel = channel;
    this.#onEnded = onEnded;
  }

  dial(): void {
    const { session } = this.#data;
    const { url, token } = this.#target;
    this.#state = { name: "dialing" };
    const socket = new WebSocket(url, {
      headers: {
        [SESSION_HEADER]: session,
        ...(this.#isWelcome ? { [RESUME_HEADER]: "1" } : {}),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      perMessageDeflate: false,
      // Masks keep pages in browsers from forging requests to proxies; for a program they are only two passes over all data.
      generateMask: (mask) => void mask.fill(0),
      maxPayload: MAX_REMOTE_FRAME_BYTES,
    });
    this.#socket = socket;
    // One reason per attempt, the first: what follows a refusal or a time-out is its consequence.
    let isOver = false;
    const over = (act: () => void): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      socket.terminate();
      if (this.#state.name !== "ended") act();
    };
    const timer = setTimeout(
      () => over(() => this.#failed("it does not answer", this.#target.fix ?? "something else may listen there", true)),
      GREET_WITHIN_MS,
    );
    socket.on("open", () => {
      this.#state = { name: "greeting" };
      const hello = { ...this.#data.hello, received: this.#channel.received };
      socket.send(makeFrame(FRAME.greeting, packHeader(hello)));
    });
    socket.on("message", (bytes: Buffer) => {
      this.#lastHeardMs = performance.now();
      try {
        if (this.#state.name === "attached") this.#channel.receive(bytes);
        else if (this.#state.name === "greeting") {
          const greeting = greetingOf(bytes);
          if (greeting.type === "refused")
            over(() => this.#end(new ConnectionFailedError(this.#data.address, greeting.reason)));
          else {
            clearTimeout(timer);
            this.#attach(socket, greeting.received);
          }
        }
      } catch (error) {
        over(() => this.#failed(`it sent what is no message of a cluster (${String(error)})`, CHECK_ADDRESS, true));
      }
    });
    socket.on("pong", () => {
      this.#lastHeardMs = performance.now();
    });
    socket.on("unexpected-response", (_request: ClientRequest, response: IncomingMessage) => {
      void refusalOf(response).then((refusal) => over(() => this.#refused(response.statusCode ?? 0, refusal)));
    });
    socket.on("error", (error) => over(() => this.#unreachable(error)));
    socket.on("close", () => over(() => this.#cut()));
  }

  #attach(socket: WebSocket, peerReceived: number): void {
    this.#state = { name: "attached" };
    this.#isWelcome = true;
    this.#redialMs = REDIAL_FIRST_MS;
    this.#lostAtMs = 0;
    this.#lastHeardMs = performance.now();
    this.#channel.attach(socket, peerReceived);
    const { heartbeatMs } = this.#data;
    clearInterval(this.#heartbeat);
    this.#heartbeat = setInterval(() => {
      if (performance.now() - this.#lastHeardMs > 3 * heartbeatMs) socket.terminate();
      else socket.ping();
    }, heartbeatMs);
  }

  /** The connection has ended, or none came about. */
  #cut(): void {
    const wasAttached = this.#state.name === "attached";
    if (!this.#isWelcome) this.#failed("it ended the connection", CHECK_ADDRESS, true);
    else this.#redial(wasAttached);
  }

  #redial(wasAttached: boolean): void {
    clearInterval(this.#heartbeat);
    this.#channel.detach();
    const now = performance.now();
    if (wasAttached) this.#lostAtMs = now;
    void this.#target.goneFor?.().then((reason) => {
      if (reason !== undefined && this.#state.name !== "attached") this.#end(new EngineClosedError(reason));
    });
    const { leaseMs } = this.#data.hello;
    if (now - this.#lostAtMs > leaseMs) {
      const seconds = leaseMs / 1_000;
      this.#end(
        new EngineClosedError(
          `the connection to ${this.#data.address} was lost for more than ${seconds} s (leaseMs), and what this driver had in the cluster is gone`,
        ),
      );
      return;
    }
    this.#state = { name: "waiting", timer: setTimeout(() => this.dial(), this.#redialMs) };
    this.#redialMs = Math.min(this.#redialMs * 2, REDIAL_LONGEST_MS);
  }

  /** @param isPassing - a later attempt of a driver that was connected may go better. */
  #failed(reason: string, fix: string, isPassing: boolean): void {
    if (this.#isWelcome && isPassing) this.#redial(this.#state.name === "attached");
    else this.#end(new ConnectionFailedError(this.#data.address, `${reason}: ${fix}`));
  }

  /** @param refusal - the error in the body of the answer, when it is one of a cluster's. */
  #refused(status: number, refusal: { readonly code: string; readonly message: string } | undefined): void {
    if (refusal?.code === "UNAUTHORIZED") {
      const what = this.#target.token === undefined ? "it wants a token" : "it refuses the token";
      const fix =
        "pass the one in the file that `mobula start` names on that machine, as init({ token }) or in MOBULA_TOKEN";
      this.#failed(what, fix, false);
    } else if (status === 403 && refusal !== undefined) {
      this.#failed("it refuses the connection", refusal.message, false);
    } else if (status === SESSION_GONE_STATUS && this.#isWelcome) {
      this.#end(
        new EngineClosedError(
          `the session that ran for this driver at ${this.#data.address} has ended, and what it had in the cluster is gone`,
        ),
      );
    } else {
      this.#failed(`it answers with status ${status}, which no Mobula cluster does`, CHECK_ADDRESS, status >= 500);
    }
  }

  #unreachable(error: Error & { code?: string; errors?: readonly { code?: string }[] }): void {
    const code = error.code ?? error.errors?.[0]?.code ?? "";
    const other = code.startsWith("HPE_") ? "it does not speak HTTP" : error.message;
    const [reason, fix] = REASONS[code] ?? [other, CHECK_ADDRESS];
    this.#failed(reason, this.#target.fix ?? fix, true);
  }

  #end(error: Error): void {
    if (this.#state.name === "ended") return;
    if (this.#state.name === "waiting") clearTimeout(this.#state.timer);
    this.#state = { name: "ended" };
    clearInterval(this.#heartbeat);
    this.#channel.detach();
    this.#socket?.terminate();
    this.#onEnded(error);
  }

  /** End the connection once everything was sent, or when that takes too long. */
  close(withinMs: number, done: () => void): void {
    const socket = this.#socket;
    const isAttached = this.#state.name === "attached";
    if (this.#state.name === "waiting") clearTimeout(this.#state.timer);
    this.#state = { name: "ended" };
    clearInterval(this.#heartbeat);
    this.#channel.detach();
    if (socket === undefined || !isAttached) {
      socket?.terminate();
      done();
      return;
    }
    const timer = setTimeout(() => socket.terminate(), withinMs);
    socket.once("close", () => {
      clearTimeout(timer);
      done();
    });
    socket.close(1000);
  }
}

const CHECK_ADDRESS = "check host and port of the address";

/** What is wrong and what to do, by the code of a socket's error. */
const REASONS: Readonly<Record<string, readonly [reason: string, fix: string]>> = {
  ECONNREFUSED: [
    "nothing listens there",
    "start a cluster on that machine with `mobula start`, and check the port (or the port-forwarding)",
  ],
  ENOTFOUND: ["no machine has that name", CHECK_ADDRESS],
  EAI_AGAIN: ["the name of the machine cannot be looked up", "check the network, or use an IP address"],
  EHOSTUNREACH: ["the machine cannot be reached", "check the network and its firewall"],
  ENETUNREACH: ["the machine cannot be reached", "check the network"],
  ECONNRESET: ["it ended the connection", CHECK_ADDRESS],
};

/** @throws Error when it is no greeting */
function greetingOf(bytes: Buffer): RemoteGreeting {
  const frame = readFrame(bytes);
  const greeting = frame.kind === FRAME.greeting ? (unpackHeader(frame.header) as RemoteGreeting) : undefined;
  if (greeting?.type === "refused") return greeting;
  if (greeting?.type !== "welcome") throw new Error("no greeting");
  if (greeting.protocol === REMOTE_PROTOCOL) return greeting;
  return { type: "refused", reason: `it speaks protocol ${greeting.protocol}, this driver ${REMOTE_PROTOCOL}` };
}

/** What a cluster says when it turns a request away: `{ error: { code, message } }`. */
async function refusalOf(response: IncomingMessage): Promise<{ code: string; message: string } | undefined> {
  let text = "";
  try {
    for await (const chunk of response.setEncoding("utf8")) {
      text += chunk;
      if (text.length > MAX_REFUSAL_CHARS) return undefined;
    }
    const { error } = JSON.parse(text) as { error?: { code?: unknown; message?: unknown } };
    const { code, message } = error ?? {};
    return typeof code === "string" && typeof message === "string" ? { code, message } : undefined;
  } catch {
    return undefined;
  }
}
