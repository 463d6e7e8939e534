// A Ray cluster of one node on loopback, with ports and a folder of its own.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { get } from "node:http";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { VENV } from "../../../scripts/lib/python.mjs";
import { SetupError } from "../../../scripts/lib/steps.mjs";

const START_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 20_000;
/** Paths of Ray's sockets are long, and may have 107 characters. */
const SHORT_TMP = "/tmp";

/**
 * @param {{ cpus: number }} options
 * @returns {Promise<{ env: Record<string, string>, stop: () => Promise<void> }>} `env` tells each side where it is
 */
export async function startCluster({ cpus }) {
  const folder = mkdtempSync(join(SHORT_TMP, "ray-bench-"));
  const [gcs, dashboard, client] = await freePorts(3);
  const env = {
    ...process.env,
    // Jobs start `python`, and tasks `node`.
    PATH: [join(VENV, "bin"), process.env.PATH].join(delimiter),
    MOBULA_NODE: process.execPath,
    RAY_AUTH_MODE: "disabled",
    RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO: "0",
  };
  const head = spawn(
    join(VENV, "bin", "ray"),
    [
      ...["start", "--head", "--block", `--num-cpus=${cpus}`, "--object-store-memory=2000000000"],
      ...["--include-dashboard=true", "--disable-usage-stats", "--node-ip-address=127.0.0.1"],
      ...[`--port=${gcs}`, `--dashboard-port=${dashboard}`, `--ray-client-server-port=${client}`],
      // Any that are free.
      ...["--min-worker-port=0", "--max-worker-port=0", "--dashboard-agent-listen-port=0"],
      `--temp-dir=${join(folder, "r")}`,
    ],
    { stdio: "ignore", env },
  );
  const ended = new Promise((done) => head.once("exit", done));
  const stop = async () => {
    head.kill("SIGTERM");
    await Promise.race([ended, sleep(STOP_WITHIN_MS, undefined, { ref: false })]);
    head.kill("SIGKILL");
    await remove(folder);
  };
  const deadline = Date.now() + START_WITHIN_MS;
  while (!(await answers(dashboard))) {
    if (head.exitCode !== null || Date.now() > deadline) {
      await stop();
      throw new SetupError("Ray's head did not start; run `ray start --head` in .venv/bin to see why.");
    }
    await sleep(200);
  }
  const places = {
    RAY_GCS_ADDRESS: `127.0.0.1:${gcs}`,
    RAY_CLIENT_ADDRESS: `ray://127.0.0.1:${client}`,
    RAY_DASHBOARD_ADDRESS: `ray://127.0.0.1:${dashboard}`,
    MOBULA_STATE_DIR: join(folder, "state"),
  };
  return { env: { ...env, ...places }, stop };
}

/** What the head had started ends after it, and writes until then. */
async function remove(folder) {
  for (const deadline = Date.now() + STOP_WITHIN_MS; ; await sleep(300)) {
    try {
      rmSync(folder, { recursive: true, force: true });
      return;
    } catch (error) {
      if (error.code !== "ENOTEMPTY" || Date.now() > deadline) throw error;
    }
  }
}

async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer());
  const found = await Promise.all(
    servers.map(async (server) => {
      await new Promise((done) => server.listen(0, "127.0.0.1", done));
      return server.address().port;
    }),
  );
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return found;
}

/** Also the part of the dashboard that takes jobs. */
function answers(port) {
  return new Promise((done) => {
    const request = get({ host: "127.0.0.1", port, path: "/api/jobs/", agent: false }, (response) => {
      response.resume();
      done(response.statusCode === 200);
    });
    request.setTimeout(5_000, () => request.destroy());
    request.once("error", () => done(false));
  });
}
