/** `mobula start`: a cluster that outlives its drivers. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { planHead } from "../engine/local/start-head.ts";
import { formatBytes } from "../errors.ts";
import { DEFAULT_CLUSTER_NAME, type Discovery, discoveryFile, logFileOf, readDiscovery } from "../node/discovery.ts";
import { type HeadOptions, headEnvironment, type StandingOptions } from "../node/options.ts";
import { programUrl } from "../node/program-url.ts";
import { clusterNameOf } from "./clusters.ts";
import {
  amountOf,
  bytesOf,
  type Command,
  CommandError,
  EXIT_CODES,
  type ExitCode,
  type OptionValues,
  portOf,
  textOf,
  textsOf,
  usageError,
} from "./command.ts";

const HELP = `Usage: mobula start [OPTIONS]

Start a cluster that goes on until 'mobula stop'. Notebooks and programs of yours join it with
init({ address: "auto" }), or with MOBULA_ADDRESS=auto in their environment. Its workers have the environment and the
current folder of this command.

Options:
      --cpus N                 slots for tasks; by default the CPUs of the machine
      --gpus N                 GPU slots; by default the GPUs of the machine
      --memory SIZE            what tasks may ask for with memoryBytes, as 8GiB; by default 70 % of the machine's
      --object-store-memory SIZE
                               room for large objects; by default 30 % of the machine's memory
      --spill-directory FOLDER for large objects that find no room there; by default the temporary directory
      --spill-size SIZE        what these may take on the disk; by default half of what it has free, 0 for nothing
      --resources JSON         other resources, as '{"fpga":2}'
      --name NAME              what it is found by, to have several; by default '${DEFAULT_CLUSTER_NAME}'
      --host ADDRESS           listen here for HTTP and drivers of other machines; by default 127.0.0.1, this machine only
      --port N                 and on this port; by default a free one
      --host-name NAME         a name under which clients address this machine; may be given several times
      --foreground             stay, show the log, and stop the cluster on Ctrl-C
  -h, --help                   show this help

Example:
  mobula start --cpus 4 --memory 8GiB
`;

const READY_WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 20;
const SHOWN_LOG = 2_000;
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/;

export const startCommand: Command = {
  name: "start",
  summary: "start a cluster that several notebooks and programs share",
  help: HELP,
  options: {
    cpus: { type: "string" },
    gpus: { type: "string" },
    memory: { type: "string" },
    "object-store-memory": { type: "string" },
    "spill-directory": { type: "string" },
    "spill-size": { type: "string" },
    resources: { type: "string" },
    name: { type: "string" },
    host: { type: "string" },
    port: { type: "string" },
    "host-name": { type: "string", multiple: true },
    foreground: { type: "boolean" },
  },
  run: start,
};

async function start(values: OptionValues, positionals: readonly string[]): Promise<ExitCode> {
  if (positionals[0] !== undefined) {
    throw usageError(`'mobula start' takes no '${positionals[0]}'; name the cluster with '--name'.`);
  }
  const name = clusterNameOf(values) ?? DEFAULT_CLUSTER_NAME;
  const file = discoveryFile(name);
  refuseSecond(readDiscovery(file), name);
  const isForeground = values["foreground"] === true;
  const logFile = isForeground ? "" : logFileOf(name);
  const head = headOptions(values, { name, discoveryFile: file, logFile });
  // Named after this cluster until it runs: another one that is started at the same time has its own.
  const draft = `${logFile}.${head.clusterId}`;
  const child = spawnHead(head, isForeground ? undefined : draft);
  const cluster = await ready(child, head, file).catch((error: unknown) => {
    child.kill("SIGKILL");
    rmSync(head.directory, { recursive: true, force: true });
    const log = isForeground ? "" : takeLog(draft);
    refuseSecond(readDiscovery(file), name);
    throw notStarted(error, child, log);
  });
  if (!isForeground) keepLog(draft, logFile);
  process.stdout.write(greeting(cluster, head, file));
  if (isForeground) return untilItEnds(child);
  child.unref();
  return EXIT_CODES.ok;
}

function refuseSecond(running: Discovery | undefined, name: string): void {
  if (running === undefined) return;
  const { head, url } = running;
  throw new CommandError(
    EXIT_CODES.failed,
    `The cluster '${name}' runs already (process ${head.pid}, ${url}); 'mobula stop' ends it, '--name' starts another one beside it.`,
  );
}

function headOptions(values: OptionValues, standing: StandingOptions): HeadOptions {
  const size = {
    cpus: amountOf(values, "cpus"),
    gpus: amountOf(values, "gpus"),
    memoryBytes: bytesOf(values, "memory"),
    objectStoreBytes: bytesOf(values, "object-store-memory"),
    spillDirectory: textOf(values, "spill-directory"),
    spillBytes: bytesOf(values, "spill-size"),
    resources: resourcesOf(values),
  };
  const given = Object.fromEntries(Object.entries(size).filter(([, value]) => value !== undefined));
  const host = textOf(values, "host");
  const port = portOf(values, "port");
  const hostNames = textsOf(values, "host-name");
  const http = { ...(host === undefined ? {} : { host }), ...(port === undefined ? {} : { port }), hostNames };
  return { ...planHead({ ...given, name: standing.name }), http, standing };
}

function resourcesOf(values: OptionValues): Record<string, number> | undefined {
  const text = textOf(values, "resources");
  if (text === undefined) return undefined;
  const wrong = usageError(`The option '--resources' takes amounts by name, as in '{"fpga":2}', not '${text}'.`);
  let resources: unknown;
  try {
    resources = JSON.parse(text);
  } catch {
    throw wrong;
  }
  if (typeof resources !== "object" || resources === null || Array.isArray(resources)) throw wrong;
  const amounts = Object.values(resources) as unknown[];
  if (!amounts.every((amount) => typeof amount === "number" && amount >= 0)) throw wrong;
  return resources as Record<string, number>;
}

/** @param logFile - for what it prints; without one it prints here. */
function spawnHead(head: HeadOptions, logFile: string | undefined): ChildProcess {
  const output = logFile === undefined ? "inherit" : openSync(logFile, "wx", 0o600);
  const child = spawn(process.execPath, [fileURLToPath(programUrl("node/head"))], {
    env: headEnvironment(head),
    stdio: ["ignore", output, output],
    // Of a session of its own: neither the terminal's end nor its Ctrl-C reach it.
    detached: true,
  });
  if (typeof output === "number") closeSync(output);
  return child;
}

/** Wait until the head has made itself known. Rejects when it ends, or takes too long. */
async function ready(child: ChildProcess, head: HeadOptions, file: string): Promise<Discovery> {
  let problem: Error | undefined;
  child.once("error", (error) => {
    problem = error;
  });
  const deadline = Date.now() + READY_WITHIN_MS;
  while (Date.now() < deadline) {
    const cluster = existsSync(file) ? readDiscovery(file) : undefined;
    if (cluster?.clusterId === head.clusterId) return cluster;
    if (problem !== undefined) throw problem;
    if (child.exitCode !== null || child.signalCode !== null) throw new Error("its head process ended");
    await sleep(LOOK_EVERY_MS);
  }
  throw new Error(`it was not ready within ${READY_WITHIN_MS / 1000} s`);
}

function notStarted(error: unknown, child: ChildProcess, log: string): CommandError {
  const { exitCode } = child;
  const code = exitCode === null ? "" : ` with exit code ${exitCode}`;
  const why = `${error instanceof Error ? error.message : String(error)}${code}`;
  return new CommandError(
    EXIT_CODES.failed,
    `The cluster did not start: ${why}.${log === "" ? "" : ` It said:\n${log}`}`,
    { cause: error },
  );
}

function takeLog(draft: string): string {
  const text = readFileSync(draft, "utf8").slice(-SHOWN_LOG).trimEnd();
  rmSync(draft, { force: true });
  return text;
}

/** The log of the cluster before this one stays, too. */
function keepLog(draft: string, logFile: string): void {
  if (existsSync(logFile)) renameSync(logFile, `${logFile}.1`);
  renameSync(draft, logFile);
}

function greeting({ name, head: { pid }, url, logFile }: Discovery, head: HeadOptions, file: string): string {
  const { cpus = 0, gpus = 0, memoryBytes = 0 } = head.resources;
  const address = name === DEFAULT_CLUSTER_NAME ? "auto" : name;
  const stop = name === DEFAULT_CLUSTER_NAME ? "mobula stop" : `mobula stop --name ${name}`;
  const lines = [
    `The cluster '${name}' runs: process ${pid}, ${cpus} CPUs, ${gpus} GPUs, ${formatBytes(memoryBytes)} for tasks.`,
    `  join it:    await init({ address: "${address}" })    or MOBULA_ADDRESS=${address}`,
    `  state API:  ${url}    (the token is in ${file})`,
    ...(logFile === "" ? [] : [`  log:        ${logFile}`]),
    `  stop it:    ${stop}`,
  ];
  const { host } = head.http ?? {};
  if (host !== undefined && !LOOPBACK.test(host)) {
    lines.push(
      "Other machines can reach it. What travels is not encrypted, the token included: keep it inside a network you trust,",
      "or leave out '--host' and use an SSH tunnel.",
    );
  }
  return `${lines.join("\n")}\n`;
}

/** Pass on the signals that end this command, and end as the cluster does. */
async function untilItEnds(child: ChildProcess): Promise<ExitCode> {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill("SIGTERM"));
  const code = await new Promise<number | null>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode);
    else child.once("exit", resolve);
  });
  return code === 0 ? EXIT_CODES.ok : EXIT_CODES.failed;
}
