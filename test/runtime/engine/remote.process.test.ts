import { afterAll, beforeAll } from "vitest";
import { RemoteEngine } from "../../../runtime/src/engine/remote/remote-engine.ts";
import { engineContract } from "../../contract/engine.ts";
import { type RemoteCluster, startRemoteCluster } from "../../support/remote-cluster.ts";

let cluster: RemoteCluster;
beforeAll(async () => {
  cluster = await startRemoteCluster("--object-store-memory", "64MiB");
});
afterAll(async () => {
  await cluster.stop();
});

engineContract("remote", { create: () => new RemoteEngine({ address: cluster.address, token: cluster.token }) });
