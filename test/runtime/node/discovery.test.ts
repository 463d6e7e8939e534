import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  type Discovery,
  discoveryFile,
  isClusterName,
  listClusters,
  publishDiscovery,
  readDiscovery,
  stateDirectory,
} from "../../../runtime/src/node/discovery.ts";
import { findCluster } from "../../../runtime/src/node/find-cluster.ts";
import { processStamp } from "../../../runtime/src/store/process-stamp.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "discovery-"));
  vi.stubEnv("MOBULA_STATE_DIR", folder);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

/** A cluster whose head is this process, or one that is gone. */
function cluster(name: string, isAlive = true): Discovery {
  const places = { directory: join(folder, `${name}-sockets`), arena: join(folder, `${name}-arena`) };
  for (const place of Object.values(places)) mkdirSync(place);
  const stamp = processStamp(process.pid);
  return {
    name,
    clusterId: `id of ${name}`,
    head: isAlive ? stamp : { ...stamp, startTicks: "1" },
    ...places,
    url: "http://127.0.0.1:1",
    token: "t",
    startedAtMs: 1,
    version: "0",
    logFile: join(folder, `${name}.log`),
  };
}

function publish(name: string, isAlive = true): Discovery {
  const discovery = cluster(name, isAlive);
  expect(publishDiscovery(discovery, discoveryFile(name))).toBe(true);
  return discovery;
}

describe("the folder of discovery files", () => {
  it("is what MOBULA_STATE_DIR says, else in the runtime folder, else in the home and of this machine", () => {
    const runtime = join(folder, "run");
    mkdirSync(runtime);
    expect(stateDirectory({ MOBULA_STATE_DIR: join(folder, "own"), XDG_RUNTIME_DIR: runtime })).toBe(
      join(folder, "own"),
    );
    expect(stateDirectory({ XDG_RUNTIME_DIR: runtime, XDG_STATE_HOME: folder })).toBe(join(runtime, "mobula"));
    expect(stateDirectory({ XDG_RUNTIME_DIR: join(folder, "none"), XDG_STATE_HOME: folder })).toBe(
      join(folder, "mobula", hostname()),
    );
  });

  it("is for its owner alone, also when it was not", () => {
    chmodSync(folder, 0o755);
    stateDirectory();
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it("cannot be a file, and then says what to do", () => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    expect(() => stateDirectory({ MOBULA_STATE_DIR: file })).toThrow(/name another one in MOBULA_STATE_DIR/);
  });
});

describe("a discovery file", () => {
  it("is read by its owner only, and appears whole", () => {
    const discovery = publish("lab");
    expect(readDiscovery(discoveryFile("lab"))).toEqual(discovery);
    expect(statSync(discoveryFile("lab")).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder).filter((name) => name.startsWith("lab.json"))).toEqual(["lab.json"]);
  });

  it("is not replaced by that of a second cluster", () => {
    const first = publish("lab");
    expect(publishDiscovery({ ...first, clusterId: "second" }, discoveryFile("lab"))).toBe(false);
    expect(readDiscovery(discoveryFile("lab"))?.clusterId).toBe(first.clusterId);
  });

  it("of a cluster that was killed is removed, with its sockets and memory", () => {
    const { directory, arena } = publish("lab", false);
    expect(readDiscovery(discoveryFile("lab"))).toBeUndefined();
    expect([directory, arena, discoveryFile("lab")].filter((path) => existsSync(path))).toEqual([]);
  });

  it("is refused when others could have written it, or when it is something else", () => {
    publish("lab");
    chmodSync(discoveryFile("lab"), 0o666);
    expect(() => readDiscovery(discoveryFile("lab"))).toThrow(/can be written by others; remove it/);
    writeFileSync(discoveryFile("other"), '{"name":3}', { mode: 0o600 });
    expect(() => readDiscovery(discoveryFile("other"))).toThrow(/is no file of a cluster; remove it/);
  });
});

describe("finding a cluster", () => {
  const reasonOf = (address: string): string => {
    try {
      return `found ${findCluster(address).name}`;
    } catch (error) {
      return (error as Error).message;
    }
  };

  it("takes the only one, or the one called default", () => {
    expect(reasonOf("auto")).toMatch(/no cluster of this user runs: start one with 'mobula start'/);
    publish("lab");
    expect(reasonOf("auto")).toBe("found lab");
    publish("other");
    expect(reasonOf("auto")).toMatch(/several clusters run: name one of lab, other/);
    publish("default");
    expect(reasonOf("auto")).toBe("found default");
    expect(listClusters().map(({ name }) => name)).toEqual(["default", "lab", "other"]);
  });

  it("takes names and files, and names what there is", () => {
    publish("lab");
    expect(reasonOf("lab")).toBe("found lab");
    expect(reasonOf(discoveryFile("lab"))).toBe("found lab");
    expect(reasonOf("bal")).toMatch(
      /no cluster of that name runs \(there is lab\): start one with 'mobula start' --name bal/,
    );
    expect(reasonOf("./missing.json")).toMatch(/the cluster of that file does not run/);
    expect(reasonOf("what is this?")).toMatch(/an address is 'local', 'auto', the name of a standing cluster/);
  });

  it.each(["default", "a-b_c9", "X"])("%j is a name", (name) => expect(isClusterName(name)).toBe(true));
  it.each(["", "../x", "a b", "-x", "x.y", "a".repeat(64)])("%j is none", (name) =>
    expect(isClusterName(name)).toBe(false),
  );
});
