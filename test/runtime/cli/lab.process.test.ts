import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findJupyter } from "../../../runtime/src/cli/jupyter.ts";
import { descendantsOf } from "../../../runtime/src/cli/process-tree.ts";
import { isRunning } from "../../support/processes.ts";
import { startMobula } from "./mobula.ts";

/** JupyterLab of the set-up; without one the tests fail with the words that tell how to get it. */
const jupyter = await findJupyter(undefined);

let folder: string;
let env: NodeJS.ProcessEnv;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "mobula-lab-é-"));
  // Nothing of the user's own Jupyter is read or written.
  const keys = ["JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "XDG_DATA_HOME", "HOME"];
  env = {
    ...process.env,
    JUPYTER_PATH: "",
    ...Object.fromEntries(keys.map((key) => [key, join(folder, "home", key)])),
  };
  await mkdir(join(folder, "my notebooks"));
  await writeFile(
    join(folder, "my notebooks", "tour ä.ipynb"),
    JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [] }),
  );
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function listen(port: number): Promise<Server> {
  const server = createServer().listen(port, "localhost");
  await once(server, "listening");
  return server;
}

async function freePort(): Promise<number> {
  const server = await listen(0);
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

function api(address: URL, path: string, method = "GET", body?: object): Promise<Response> {
  const headers = { Authorization: `token ${address.searchParams.get("token")}`, "Content-Type": "application/json" };
  return fetch(new URL(path, address), { method, headers, ...(body && { body: JSON.stringify(body) }) });
}

describe("mobula lab", () => {
  test("opens the notebook, offers the kernel and the extension, and Ctrl-C leaves no process", async () => {
    const port = await freePort();
    const args = ["lab", "my notebooks/tour ä.ipynb", "--port", `${port}`, "--no-browser", "--jupyter", jupyter];
    const run = startMobula(folder, args, env);
    const printed = await run.waitFor(/Ctrl-C stops it/);
    const address = new URL(/http\S+/.exec(printed)?.[0] ?? "");
    expect([address.port, decodeURIComponent(address.pathname)]).toEqual([
      `${port}`,
      "/lab/tree/my notebooks/tour ä.ipynb",
    ]);
    const page = await fetch(address);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain("@mobula/jupyterlab");
    const specs = (await (await api(address, "/api/kernelspecs")).json()) as { kernelspecs: Record<string, unknown> };
    expect(Object.keys(specs.kernelspecs)).toContain("mobula");
    const started = await api(address, "/api/kernels", "POST", { name: "mobula", path: "my notebooks" });
    expect(started.status).toBe(201);
    const processes = await descendantsOf(run.child.pid ?? 0);
    expect(processes.length).toBeGreaterThanOrEqual(2);
    run.child.kill("SIGINT");
    expect(await run.finished).toMatchObject({ code: 0, stderr: "\nJupyterLab stops …\n" });
    for (const { pid } of processes) expect(isRunning(pid)).toBe(false);
  });

  test("names a port that is taken", async () => {
    const server = await listen(0);
    const { port } = server.address() as { port: number };
    const run = startMobula(folder, ["lab", "--port", `${port}`, "--jupyter", jupyter], env);
    const stderr = `mobula: Port ${port} is in use; choose another one, or leave '--port' out.\n`;
    expect(await run.finished).toEqual({ code: 2, stdout: "", stderr });
    server.close();
  });
});
