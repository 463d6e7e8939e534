/** A cluster panel without a browser: it speaks with the view of this process's cluster, as a kernel does for a panel. */
import { existsSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { vi } from "vitest";
import type { ViewData, ViewReply, ViewRequest, ViewTopic } from "../../runtime/src/protocol/cluster-view.ts";

/** A panel of the cluster that `init` has connected this process to. */
export async function openPanel(): Promise<Panel> {
  const address = viewAddress();
  await vi.waitUntil(() => existsSync(address), { timeout: 30_000 });
  return new Panel(address);
}

/** Where panels of that cluster connect, as notebooks are told. */
export function viewAddress(): string {
  const holder = globalThis as Record<symbol, { runtime: { engine: { viewAddress?: string } } }>;
  const address = holder[Symbol.for("mobula.runtime")]?.runtime.engine.viewAddress;
  if (address === undefined) throw new Error("this cluster has no view");
  return address;
}

/** A panel on the kernel's side of a delegated comm. */
export class Panel {
  readonly replies: ViewReply[] = [];
  readonly #socket: Socket;

  constructor(address: string) {
    this.#socket = connect(address);
    createInterface({ input: this.#socket }).on("line", (line) =>
      this.replies.push((JSON.parse(line) as { data: ViewReply }).data),
    );
    this.#write({ type: "comm-open", commId: "1", target: "mobula.cluster.v1", data: {} });
  }

  #write(message: unknown): void {
    this.#socket.write(`${JSON.stringify(message)}\n`);
  }

  send(data: ViewRequest): void {
    this.#write({ type: "comm-message", data });
  }

  last<Topic extends ViewTopic>(topic: Topic): { readonly data: ViewData[Topic] } | undefined {
    return this.replies.findLast((reply) => reply.op === "snapshot" && reply.topic === topic) as
      | { readonly data: ViewData[Topic] }
      | undefined;
  }

  close(): void {
    this.#socket.destroy();
  }
}
