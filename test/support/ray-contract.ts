/** What the engines' contract does not ask of Ray clusters. */
import type { EngineContract } from "../contract/engine.ts";

const DASHBOARD = "Ray's dashboard shows it";

export const onRay: Omit<EngineContract, "create"> = {
  unsupported: {
    "answers the same over HTTP, and gives metrics to Prometheus": DASHBOARD,
  },
  skip: {
    "lists tasks that run, wait, are over or failed, and filters them":
      "Ray calls a task finished that was cancelled while it ran; see the test of tasks",
    "refuses what can never run": "Ray lets it wait, since an autoscaler may add the node; the driver is told",
    "refuses labels that no node has": "Ray lets it wait, since an autoscaler may add the node; the driver is told",
    "lists objects by size and holder, workers and jobs":
      "Ray has ids of its own, and calls drivers by their jobs; see the test of lists",
    "shows the code that a busy worker is in": "its rows have ids of Ray's; see the test of stacks",
  },
};
