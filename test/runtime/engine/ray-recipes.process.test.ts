/**
 * The recipes of docs/clusters.md, as they stand there: each machine is one of its own to Linux, so names and ports are those
 * of the manual. There is no SSH server here and no Kubernetes: `ssh`, `scp` and `kubectl` are scripts that do what is asked of
 * them in the recipes, with files that the machines share, and with plain forwarding of connections.
 */
import { chmodSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { headServiceOf, parseManifest, startCommand } from "../../support/kuberay.ts";
import { canHaveMachines, Machines } from "../../support/machines.ts";
import { blocksOf, blockWith, runnable, runnableLine, typedIn } from "../../support/manual.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
const FORWARD = join(ROOT, "test/runtime/programs/forward.mjs");
const PORTS = [8265, 8275];
const SOON = { timeout: 120_000, interval: 500 };

const onRay = blocksOf("clusters.md", "## On a Ray cluster");
const recipes = blocksOf("clusters.md", "### Recipes");
const program = runnable(blockWith(onRay, "// means.ts"));
/** What the manual says that it prints. */
const printed = "[ 2, 2, 2 ]\n2 nodes\n";

/** @param names - those that reach each other; beside them there is a laptop that reaches nothing. */
async function startMachines(...names: readonly string[]): Promise<Machines> {
  const machines = await Machines.start(...names, "!laptop");
  onTestFinished(() => machines.stop());
  for (const name of [...names, "laptop"]) {
    writeFileSync(join(machines.homeOf(name), program.name), program.text);
    symlinkSync(join(ROOT, "node_modules"), join(machines.homeOf(name), "node_modules"));
  }
  return machines;
}

/** A command that this machine finds first. */
function place(machines: Machines, machine: string, command: string, script: string): void {
  const folder = join(machines.homeOf(machine), "bin");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, command), `#!/bin/bash\nset -e\n${script}`);
  chmodSync(join(folder, command), 0o755);
}

/** What is typed on a machine, in one shell. Returns what it printed. */
async function type(machines: Machines, machine: string, lines: readonly string[]): Promise<string> {
  const script = lines.flatMap((line) => (line.endsWith("&") ? [line, UNTIL_FORWARDED] : [runnableLine(line)]));
  const { code, output } = await machines.run(machine, ["set -e", ...script].join("\n"));
  expect(code, output).toBe(0);
  return output;
}

const UNTIL_FORWARDED = PORTS.map(
  (port) => `until (echo > /dev/tcp/127.0.0.1/${port}) 2> /dev/null; do sleep 0.1; done`,
).join("\n");

/**
 * Ports of the laptop become those of a machine that it does not reach: by sockets in a folder that both see. So nothing else
 * of that machine is within reach.
 */
function tunnel(machines: Machines, to: string): string {
  const socket = (port: number): string => join(machines.homeOf("laptop"), `${port}.sock`);
  machines.start(to, `node ${FORWARD} ${PORTS.map((port) => `${socket(port)} ${port}`).join(" ")}`);
  return `exec node ${FORWARD} ${PORTS.map((port) => `${port} ${socket(port)}`).join(" ")}`;
}

test("the manifest for Kubernetes has no field that KubeRay does not know, and each in its form", () => {
  const yaml = blockWith(recipes, "kind: RayCluster").text;
  const { spec } = parseManifest(yaml);
  expect(spec.headGroupSpec.template.spec.containers[0].ports?.map(({ containerPort }) => containerPort)).toEqual(
    expect.arrayContaining(PORTS),
  );
  expect(() => parseManifest(yaml.replace("groupName", "group"))).toThrow(/groupName/);
  expect(() => parseManifest(yaml.replace('"0.0.0.0"', "0"))).toThrow(/dashboard-host must be string/);
});

// Where this user may make no namespaces, there are no such machines.
describe.runIf(canHaveMachines || process.env["CI"])("a recipe works as it stands:", { timeout: 300_000 }, () => {
  beforeAll(() => {
    if (!canHaveMachines) throw new Error("It takes namespaces (unshare) and iproute2; run the tests as root");
  });

  test("a cluster by hand that wants a token, and drivers that reach it through a tunnel, and without", async () => {
    const machines = await startMachines("head", "worker", "here");
    place(machines, "head", "ssh", 'cd "$HOME/../$1"; shift; exec "$@"\n');
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's
    place(machines, "head", "scp", 'cp "$1" "$HOME/../${2%%:*}/${2#*:}"\n');
    const recipe = [
      ...typedIn(blockWith(recipes, "ray get-auth-token")),
      ...typedIn(blockWith(recipes, "ray start --head --dashboard-host=0.0.0.0\nworker$")),
    ];
    // In the same shell.
    const typedOn = (name: string): string[] => recipe.flatMap(({ machine, lines }) => (machine === name ? lines : []));
    for (const name of ["head", "worker"]) await type(machines, name, typedOn(name));

    const [typed] = typedIn(blockWith(onRay, "ssh -N -L"));
    expect(typed?.lines[0]).toContain(PORTS.map((port) => `-L ${port}:127.0.0.1:${port}`).join(" "));
    place(machines, "laptop", "ssh", tunnel(machines, "head"));
    const [forward = "", drive = ""] = typed?.lines ?? [];
    expect(await type(machines, "laptop", [forward, `${drive} || true`])).toContain("wants a token");
    cpSync(join(machines.homeOf("here"), ".ray"), join(machines.homeOf("laptop"), ".ray"), { recursive: true });
    // Its tunnel is still there.
    expect(await type(machines, "laptop", [drive])).toContain(printed);
    expect((await machines.run("laptop", "echo > /dev/tcp/head/8265")).output).toMatch(/unreachable/);

    // Another user, with a hub at the next port.
    const here = await type(machines, "here", typedOn("here"));
    expect(here).toContain(printed);
    expect(here).toMatch(/Nodes +2$/m);
    expect((await machines.run("here", "echo > /dev/tcp/head/8276")).code).toBe(0);
  });

  test("what KubeRay starts, through the ports that kubectl forwards", async () => {
    const manifest = parseManifest(blockWith(recipes, "kind: RayCluster").text);
    const { headGroupSpec: head, workerGroupSpecs } = manifest.spec;
    const service = headServiceOf(manifest);
    const machines = await startMachines(service, "worker");
    const token = "c".repeat(64);
    const env = (address: string): string =>
      `export RAY_ADDRESS=${address} RAY_PORT=6379 RAY_AUTH_MODE=token RAY_AUTH_TOKEN=${token}`;
    machines.start(service, `${env("127.0.0.1:6379")}; ${startCommand(head)}`);
    // The operator lets workers wait so, in a container before the one that runs.
    const ready = `until ray health-check --address ${service}:6379 > /dev/null 2>&1; do sleep 1; done`;
    for (const workers of workerGroupSpecs) {
      machines.start("worker", `${env(`${service}:6379`)}; ${ready}; ${startCommand(workers, service)}`);
    }

    const [typed] = typedIn(blockWith(recipes, "kubectl port-forward"));
    expect(typed?.lines[0]).toBe(`kubectl port-forward service/${service} ${PORTS.join(" ")} &`);
    expect(typed?.lines[1]).toContain(`kubectl get secret ${manifest.metadata.name} `);
    place(
      machines,
      "laptop",
      "kubectl",
      `[ $1 = get ] && { echo ${token} | base64 -w 0; exit; }\n${tunnel(machines, service)}\n`,
    );
    const status = `${env("")}; npx mobula status --address ray://127.0.0.1:8265`;
    await vi.waitUntil(async () => /Nodes +2$/m.test((await machines.run(service, status)).output), SOON);
    expect(await type(machines, "laptop", typed?.lines ?? [])).toContain(printed);
  });
});
