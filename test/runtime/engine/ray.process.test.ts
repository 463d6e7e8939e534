import { afterAll, beforeAll } from "vitest";
import { RayEngine } from "../../../runtime/src/engine/ray/ray-engine.ts";
import { engineContract } from "../../contract/engine.ts";
import type { RayCluster } from "../../support/ray-cluster.ts";
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

const DASHBOARD = "Ray's dashboard shows it";

engineContract("ray", {
  create: () => new RayEngine({ address: ray.address, token: ray.token }),
  unsupported: {
    "answers the same over HTTP, and gives metrics to Prometheus": DASHBOARD,
  },
  skip: {
    "lists tasks that run, wait, are over or failed, and filters them":
      "Ray calls a task finished that was cancelled while it ran; see the test of tasks",
    "refuses what can never run": "Ray lets it wait, since an autoscaler may add the node; the driver is told",
    "lists objects by size and holder, workers and jobs":
      "Ray has ids of its own, and calls drivers by their jobs; see the test of lists",
    "shows the code that a busy worker is in": DASHBOARD,
  },
});
