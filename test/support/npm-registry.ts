/** A registry on loopback for real npm: knows the packages it is given, and no others. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

export interface RegistryPackage {
  readonly name: string;
  readonly version: string;
  /** Texts by file name. */
  readonly files: Readonly<Record<string, string>>;
  /** More of package.json. */
  readonly more?: object;
}

export class NpmRegistry {
  readonly #server: Server;
  readonly url: string;

  private constructor(server: Server) {
    this.#server = server;
    this.url = urlOf(server);
  }

  /** @param folder - a place for tarballs */
  static async start(folder: string, packages: readonly RegistryPackage[]): Promise<NpmRegistry> {
    const tarballs = new Map(packages.map((each) => [`/${fileOf(each)}`, pack(folder, each)]));
    const server = createServer(({ url = "" }, response) => {
      const path = decodeURIComponent(url);
      const tarball = tarballs.get(path);
      if (tarball !== undefined) return void response.writeHead(200).end(readFileSync(tarball));
      const versions = packages.filter(({ name }) => path === `/${name}`);
      const body = versions.length === 0 ? { error: "Not found" } : packument(versions, urlOf(server));
      const status = versions.length === 0 ? 404 : 200;
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new NpmRegistry(server);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

function fileOf({ name, version }: RegistryPackage): string {
  return `${name.replace("@", "").replace("/", "-")}-${version}.tgz`;
}

/** A tarball as `npm pack` makes it. */
function pack(folder: string, each: RegistryPackage): string {
  const source = join(folder, `${fileOf(each)}-source`);
  mkdirSync(source, { recursive: true });
  const { name, version, files, more } = each;
  writeFileSync(join(source, "package.json"), JSON.stringify({ name, version, ...more }));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(source, file), text);
  execFileSync("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: source, stdio: "ignore" });
  return join(folder, fileOf(each));
}

function packument(versions: readonly RegistryPackage[], url: string): object {
  const entries = versions.map((each) => {
    const manifest = { name: each.name, version: each.version, ...each.more };
    return [each.version, { ...manifest, dist: { tarball: `${url}${fileOf(each)}` } }];
  });
  const last = versions.at(-1);
  return { name: last?.name, "dist-tags": { latest: last?.version }, versions: Object.fromEntries(entries) };
}
