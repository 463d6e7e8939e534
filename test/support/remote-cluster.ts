/** A standing cluster for remote drivers, and a wire that can be cut. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Discovery } from "../../runtime/src/node/discovery.ts";
import { startMobula } from "../runtime/cli/mobula.ts";

export interface RemoteCluster extends Discovery {
  /** `mobula://127.0.0.1:port`. */
  readonly address: string;
  /** What MOBULA_STATE_DIR names. */
  readonly folder: string;
  stop(): Promise<void>;
}

/** `mobula start` with two CPUs, in a folder of its own. */
export async function startRemoteCluster(...args: readonly string[]): Promise<RemoteCluster> {
  const folder = mkdtempSync(join(tmpdir(), "remote-"));
  const env = { ...process.env, MOBULA_STATE_DIR: folder, XDG_RUNTIME_DIR: "" };
  const { code, stderr } = await startMobula(folder, ["start", "--cpus", "2", ...args], env).finished;
  if (code !== 0) throw new Error(`no cluster: ${stderr}`);
  const discovery = JSON.parse(readFileSync(join(folder, "default.json"), "utf8")) as Discovery;
  return {
    ...discovery,
    folder,
    address: discovery.url.replace("http:", "mobula:"),
    stop: async () => {
      await startMobula(folder, ["stop", "--force"], env).finished;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Between a driver and its cluster. */
export class Wire {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #isDown = false;
  /** Connections that were made so far. */
  connections = 0;
  /** Bytes that went to the cluster. */
  sentBytes = 0;

  constructor(target: string) {
    const { hostname, port } = new URL(target);
    this.#server = createServer((driver) => {
      if (this.#isDown) {
        driver.destroy();
        return;
      }
      this.connections++;
      const cluster = connect(Number(port), hostname);
      const pair = [driver, cluster] as const;
      this.#pairs.add(pair);
      for (const [from, to] of [pair, [cluster, driver] as const]) {
        from.on("error", () => {});
        from.on("close", () => {
          to.destroy();
          this.#pairs.delete(pair);
        });
        from.pipe(to);
      }
      driver.on("data", (bytes: Buffer) => {
        this.sentBytes += bytes.length;
      });
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `mobula://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** End all connections at once, as a network does that fails. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy();
  }

  /** Take no new connections, or take them again. */
  setDown(isDown: boolean): void {
    this.#isDown = isDown;
    if (isDown) this.cut();
  }

  /** Let nothing through in either direction, without an end: a cable that was pulled. */
  freeze(): void {
    for (const [driver, cluster] of this.#pairs) {
      driver.unpipe(cluster);
      cluster.unpipe(driver);
      driver.pause();
      cluster.pause();
    }
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}
