import { afterAll, beforeAll } from "vitest";
import { RayEngine } from "../../../runtime/src/engine/ray/ray-engine.ts";
import { engineContract } from "../../contract/engine.ts";
import type { RayCluster } from "../../support/ray-cluster.ts";
import { onRay } from "../../support/ray-contract.ts";
import { sharedRay } from "../../support/shared-ray.ts";

let ray: RayCluster;
beforeAll(async () => {
  ray = await sharedRay();
  process.env["MOBULA_STATE_DIR"] = ray.stateFolder;
});
afterAll(async () => {
  delete process.env["MOBULA_STATE_DIR"];
  await ray.stop();
});

engineContract("ray", { create: () => new RayEngine({ address: ray.address, token: ray.token }), ...onRay });
