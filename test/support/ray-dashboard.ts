/** What a Ray cluster itself tells about what runs there. */
import { get } from "node:http";
import type { RayCluster } from "./ray-cluster.ts";

/** The text of an answer of its dashboard. */
export function dashboard(ray: RayCluster, path: string): Promise<string> {
  const headers = { authorization: `Bearer ${ray.token}` };
  return new Promise((done, failed) => {
    get({ host: "127.0.0.1", port: ray.port, path, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.once("end", () => done(text));
    }).once("error", failed);
  });
}

/** The nodes on which Ray says that tasks of this name ran. */
export async function nodesOf(ray: RayCluster, name: string): Promise<Set<string>> {
  const query = `filter_keys=name&filter_predicates=%3D&filter_values=${name}&limit=1000`;
  const { data } = JSON.parse(await dashboard(ray, `/api/v0/tasks?${query}`)) as {
    data: { result: { result: { node_id: string | null }[] } };
  };
  return new Set(data.result.result.flatMap(({ node_id: node }) => node ?? []));
}
