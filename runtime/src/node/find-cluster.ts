/** Which standing cluster somebody means. */
import { ConnectionFailedError } from "../errors.ts";
import {
  DEFAULT_CLUSTER_NAME,
  type Discovery,
  discoveryFile,
  isClusterName,
  listClusters,
  readDiscovery,
} from "./discovery.ts";

const START = "start one with 'mobula start'";

/**
 * @param address - `auto` for the one that runs, a name, or the path of a discovery file
 * @throws ConnectionFailedError when there is none, or several and none is called `default`
 */
export function findCluster(address: string): Discovery {
  try {
    if (address === "auto") return onlyCluster();
    if (address.includes("/") || address.includes("\\")) return inFile(address);
    if (isClusterName(address)) return named(address);
  } catch (error) {
    if (error instanceof ConnectionFailedError) throw error;
    throw new ConnectionFailedError(address, error instanceof Error ? error.message.replace(/\.$/, "") : String(error));
  }
  throw new ConnectionFailedError(
    address,
    "an address is 'local', 'auto', the name of a standing cluster, the path of its file, or mobula://host:port",
  );
}

function onlyCluster(): Discovery {
  const clusters = listClusters();
  const [first] = clusters;
  const chosen =
    clusters.find(({ name }) => name === DEFAULT_CLUSTER_NAME) ?? (clusters.length === 1 ? first : undefined);
  if (chosen !== undefined) return chosen;
  const reason =
    first === undefined
      ? `no cluster of this user runs: ${START}, or leave out the address to have a cluster of one's own`
      : `several clusters run: name one of ${clusters.map(({ name }) => name).join(", ")}`;
  throw new ConnectionFailedError("auto", reason);
}

function named(name: string): Discovery {
  const cluster = readDiscovery(discoveryFile(name));
  if (cluster !== undefined) return cluster;
  const others = listClusters().map((each) => each.name);
  const hint = others.length === 0 ? "" : ` (there is ${others.join(", ")})`;
  throw new ConnectionFailedError(name, `no cluster of that name runs${hint}: ${START} --name ${name}`);
}

function inFile(path: string): Discovery {
  const cluster = readDiscovery(path);
  if (cluster !== undefined) return cluster;
  throw new ConnectionFailedError(path, `the cluster of that file does not run: ${START}`);
}
