/** A Ray head with the provider of nodes that Ray's own tests use: what a cloud would start runs on this machine. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** The id that the provider expects of the head. */
const HEAD_ID = `${"f".repeat(51)}00000`;

/** Nodes of one CPU, from only the head to two more, and back a few seconds after they have nothing to do. */
export function autoscalingHead(
  folder: string,
  gcsPort: number,
): { readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> } {
  const node = (maxWorkers: number) => ({
    resources: { CPU: 1 },
    node_config: {},
    min_workers: 0,
    max_workers: maxWorkers,
  });
  const config = {
    cluster_name: "autoscaling",
    max_workers: 2,
    upscaling_speed: 100,
    idle_timeout_minutes: 0.05,
    provider: {
      type: "fake_multinode",
      gcs_address: `127.0.0.1:${gcsPort}`,
      use_node_id_as_ip: true,
      disable_node_updaters: true,
      disable_launch_config_check: true,
    },
    head_node_type: "ray.head.default",
    available_node_types: { "ray.head.default": node(0), worker: node(2) },
    // Ray fills these in for clusters that it launches itself, and expects them of all.
    auth: {},
    file_mounts: {},
    cluster_synced_files: [],
    file_mounts_sync_continuously: false,
    rsync_exclude: [],
    rsync_filter: [],
    initialization_commands: [],
    setup_commands: [],
    head_setup_commands: [],
    worker_setup_commands: [],
    head_start_ray_commands: [],
    worker_start_ray_commands: [],
  };
  const path = join(folder, "autoscaling.yaml");
  // JSON is YAML.
  writeFileSync(path, JSON.stringify(config));
  return {
    args: ["--num-cpus=1", `--autoscaling-config=${path}`],
    env: { RAY_FAKE_CLUSTER: "1", RAY_OVERRIDE_NODE_ID_FOR_TESTING: HEAD_ID, AUTOSCALER_UPDATE_INTERVAL_S: "1" },
  };
}
