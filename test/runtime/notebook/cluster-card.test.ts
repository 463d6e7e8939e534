import { expect, test } from "vitest";
import { clusterBundle } from "../../../runtime/src/notebook/cluster-card.ts";
import type { ClusterDescription } from "../../../runtime/src/protocol/messages.ts";

const cluster: ClusterDescription = {
  id: "abc",
  engine: "local",
  version: "1.2.3",
  startedAtMs: 0,
  pid: 7,
  resources: { cpus: { used: 1.5, total: 4 } },
  nodes: [{ id: "abc", host: "here", state: "alive", isHead: true, labels: {}, resources: { cpus: 4 } }],
  objectStore: { usedBytes: 2048, capacityBytes: 1 << 30, objects: 1, spilledBytes: 0, directory: "/shm/x" },
  workers: [
    { id: "w1", pid: 1, state: "running" },
    { id: "w2", pid: 2, state: "idle" },
    { id: "w3", pid: 3, state: "idle" },
  ],
  placementGroups: [],
  actors: [
    { id: "a1", class: "Totals", state: "alive", pid: 4 },
    { id: "a2", class: "Totals", state: "dead" },
  ],
};

test("a cluster shows what it is and what it has", () => {
  expect(clusterBundle(cluster)["text/plain"]).toMatchInlineSnapshot(`
    "Mobula 1.2.3 on this machine
      CPUs          1.5 of 4 in use
      object store  2 KiB of 1 GiB, 1 object, in /shm/x
      workers       3 (1 running, 2 idle)
      actors        1 (1 Totals)"
  `);
});

test("a Ray cluster shows its version and its nodes, and nothing that it does not tell", () => {
  const objectStore = { usedBytes: 0, capacityBytes: 1 << 30 };
  const text = clusterBundle({ ...cluster, engine: "ray", version: "2.60.0", objectStore })["text/plain"];
  expect(text.split("\n").slice(0, 4)).toEqual([
    "Ray 2.60.0",
    "  nodes         1",
    "  CPUs          1.5 of 4 in use",
    "  object store  0 bytes of 1 GiB",
  ]);
});

test("names are text in the HTML, not markup", () => {
  const html = clusterBundle({ ...cluster, name: "<b>&" })["text/html"];
  expect(html).toContain("&lt;b&gt;&amp;");
  expect(html).not.toContain("<b>");
});

test("a hint about the store stands below it", () => {
  const { objectStore } = cluster;
  const text = clusterBundle({ ...cluster, objectStore: { ...objectStore, hint: "use --shm-size" } })["text/plain"];
  expect(text).toMatch(/object store.*\n\s+use --shm-size\n/);
});
