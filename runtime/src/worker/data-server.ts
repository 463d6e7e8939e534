/** The worker's socket: clients push calls here, results go back the same way. */
import { writeSync } from "node:fs";
import { createServer, type Server } from "node:net";
import type { LocalEngine } from "../engine/local/local-engine.ts";
import { HELLO_BYTES, MessageSocket } from "../node/message-socket.ts";
import { arrived } from "../node/wakefulness.ts";
import type { ClientId } from "../protocol/ids.ts";
import { TO_WORKER } from "../protocol/message-shapes.ts";
import { type FromWorker, PROTOCOL_VERSION, type ToWorker } from "../protocol/messages.ts";
import { problemOf } from "../protocol/shapes.ts";
import type { CodeCache } from "./code-cache.ts";
import type { Executor } from "./executor.ts";
import { showGpus } from "./gpus.ts";
import { type Client, RunningCall } from "./running-call.ts";

function strangerProblem({ clientId }: Client, { type }: ToWorker): string | undefined {
  return clientId === "" && type !== "data-hello" ? "its first message is no hello" : undefined;
}

/** Past the capture of output: no task has caused it. */
function tellOfPeer(problem: string): void {
  writeSync(2, `dropped a peer: ${problem}\n`);
}

export class DataServer {
  readonly clients: Set<Client> = new Set();
  readonly #engine: LocalEngine;
  readonly #executor: Executor;
  readonly #codes: CodeCache;
  readonly #server: Server;

  constructor(engine: LocalEngine, executor: Executor, codes: CodeCache) {
    this.#engine = engine;
    this.#executor = executor;
    this.#codes = codes;
    this.#server = createServer((socket) => {
      const client: Client = {
        clientId: "" as ClientId,
        socket: new MessageSocket<ToWorker, FromWorker>(socket, {
          firstFrameBytes: HELLO_BYTES,
          onMessages: (messages) => {
            arrived();
            const nowMs = performance.now();
            for (const message of messages) {
              const problem = problemOf(TO_WORKER, message) ?? strangerProblem(client, message);
              if (problem !== undefined) {
                tellOfPeer(problem);
                socket.destroy();
                return;
              }
              this.#receive(client, message, nowMs);
            }
          },
          onGarbage: (error) => tellOfPeer(`it sent no frames: ${String(error)}`),
          onClose: () => {
            this.clients.delete(client);
            this.#executor.dropClient(client);
          },
        }),
      };
      this.clients.add(client);
    });
  }

  listen(address: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(address, resolve);
    });
  }

  #receive(client: Client, message: ToWorker, nowMs: number): void {
    switch (message.type) {
      case "data-hello":
        if (message.protocol !== PROTOCOL_VERSION) client.socket.close();
        client.clientId = message.clientId;
        return;
      case "use-job":
        client.job = message.job;
        return;
      case "leased":
        client.resources = message.resources;
        return;
      case "load-code":
        this.#codes.load(message.code);
        return;
      case "use-gpus":
        showGpus(message.gpuIds);
        return;
      case "run-task":
      case "call-actor": {
        const { args, resolved } = message.call;
        this.#engine.objects.receive(args);
        if (resolved !== undefined) for (const { value } of resolved) this.#engine.objects.receive(value);
        this.#executor.add(new RunningCall(message.call, client, nowMs));
        return;
      }
      case "stream-consumed": {
        const running = this.#executor.find(message.taskId);
        if (running === undefined) return;
        running.consumed = message.count;
        running.onConsumed?.();
        return;
      }
      case "drop-task":
        this.#executor.stop(message.taskId, "cancelled", true);
        return;
    }
  }

  /** Until all clients have taken what was sent to them; at most so long. */
  async drain(timeoutMs: number): Promise<void> {
    this.flush();
    const deadlineMs = performance.now() + timeoutMs;
    while ([...this.clients].some(({ socket }) => socket.bufferedBytes > 0) && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** After V8 dropped pending microtasks. */
  flush(): void {
    for (const { socket } of this.clients) socket.flush();
  }
}
