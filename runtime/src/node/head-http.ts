/** The HTTP server of one head. An embedded cluster opens it when somebody asks: most never do, and it costs 15 ms. */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { HttpAddress } from "../protocol/messages.ts";
import type { HeadParts } from "./http-routes.ts";
import type { HttpServer } from "./http-server.ts";

const LOOPBACK = "127.0.0.1";

export class HeadHttp {
  readonly #head: HeadParts;
  #server: HttpServer | undefined;
  #opened: Promise<HttpAddress> | undefined;

  constructor(head: HeadParts) {
    this.#head = head;
  }

  /** Where it listens; from the first call on. Rejects when the port is taken. */
  open(): Promise<HttpAddress> {
    this.#opened ??= this.#listen();
    return this.#opened;
  }

  async #listen(): Promise<HttpAddress> {
    const [{ HttpServer }, { registerRoutes }] = await Promise.all([
      import("./http-server.ts"),
      import("./http-routes.ts"),
    ]);
    const {
      host = LOOPBACK,
      port = 0,
      hostNames = [],
      token = randomBytes(32).toString("hex"),
    } = this.#head.options.http ?? {};
    const log = (line: string): void => this.#head.log.write(line);
    this.#server = new HttpServer({ token, hostNames: [hostname(), host, ...hostNames], log });
    registerRoutes(this.#server, this.#head);
    const bound = await this.#server.listen(host, port);
    // Whoever listens everywhere is reached on this machine, too.
    const name = host === "0.0.0.0" || host === "::" ? LOOPBACK : host;
    return { url: `http://${name.includes(":") ? `[${name}]` : name}:${bound.port}`, token };
  }

  close(): void {
    this.#server?.close();
  }
}
