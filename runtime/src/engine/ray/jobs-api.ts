/**
 * Ray's Jobs REST API. Over `node:http`: what `fetch` sends looks like a browser's to Ray, which then allows no POST.
 *
 * @see https://docs.ray.io/en/latest/cluster/running-applications/job-submission/api.html
 */
import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectionFailedError } from "../../errors.ts";

/** The first answer says whether anybody is there; no later one takes longer, or the head is not well. */
const GREET_WITHIN_MS = 8_000;
const ANSWER_WITHIN_MS = 30_000;
/** A head that has just started answers before it can take jobs. */
const HEAD_READY_WITHIN_MS = 30_000;
const STARTING = /No available agent to submit job/;
const TRY_AGAIN_MS = 250;
const MOST_TRIES = 4;
/** What is asked first. */
const VERSION_PATH = "/api/version";

export interface JobDetails {
  readonly status: "PENDING" | "RUNNING" | "STOPPED" | "SUCCEEDED" | "FAILED";
  readonly message?: string | null;
  /** A DRIVER was started by hand, and cannot be stopped from here. */
  readonly type?: "SUBMISSION" | "DRIVER";
  readonly submission_id?: string | null;
  readonly entrypoint?: string;
  readonly metadata?: Readonly<Record<string, string>> | null;
  /** In milliseconds. */
  readonly start_time?: number | null;
  readonly end_time?: number | null;
  readonly driver_exit_code?: number | null;
  readonly driver_node_id?: string | null;
}

/** What a job is started with. */
export interface NewJob {
  readonly id: string;
  readonly entrypoint: string;
  readonly runtimeEnv: object;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A row as Ray has it; what is not known is null. */
export type RayRow = Readonly<Record<string, unknown>>;

/** By node and resource: what is used, and what there is. */
export type UsageByNode = Readonly<Record<string, Readonly<Record<string, readonly [used: number, total: number]>>>>;

/** Ray gives no more at once. */
const LIST_LIMIT = 10_000;

/** The connection was closed before there was an answer. */
class ResetError extends ConnectionFailedError {}

interface Answer {
  readonly status: number;
  readonly text: string;
}

export interface JobsApiOptions {
  /** As the user wrote it, for messages. */
  readonly address: string;
  readonly host: string;
  readonly port: number;
  readonly token: string | undefined;
}

export class JobsApi {
  readonly #options: JobsApiOptions;

  constructor(options: JobsApiOptions) {
    this.#options = options;
  }

  /** @throws ConnectionFailedError when it is no Ray dashboard */
  async version(): Promise<{ readonly rayVersion: string; readonly session: string }> {
    const { status, text } = await this.#ask("GET", VERSION_PATH);
    const { ray_version: rayVersion, session_name: session } = (status === 200 ? asObject(text) : undefined) ?? {};
    if (typeof rayVersion === "string") return { rayVersion, session: textOf(session) };
    throw this.failure(`what answers there is no Ray dashboard (status ${status}): ${CHECK}`);
  }

  async hasPackage(name: string): Promise<boolean> {
    return (await this.#ask("GET", `/api/packages/gcs/${name}`)).status === 200;
  }

  async upload(name: string, bytes: Uint8Array): Promise<void> {
    this.#expectOk(await this.#ask("PUT", `/api/packages/gcs/${name}`, bytes), "takes no package");
  }

  /** Undefined when there is no such job. */
  async job(id: string): Promise<JobDetails | undefined> {
    const answer = await this.#ask("GET", `/api/jobs/${encodeURIComponent(id)}`);
    if (answer.status === 404) return undefined;
    this.#expectOk(answer, "does not tell of its jobs");
    return asObject(answer.text) as unknown as JobDetails;
  }

  /** Nothing happens when somebody else has just submitted it. */
  async submit({ id, entrypoint, runtimeEnv, metadata }: NewJob): Promise<void> {
    const body = { entrypoint, submission_id: id, runtime_env: runtimeEnv, metadata };
    const post = (): Promise<Answer> => this.#ask("POST", "/api/jobs/", Buffer.from(JSON.stringify(body)));
    const deadline = performance.now() + HEAD_READY_WITHIN_MS;
    let answer = await post();
    while (STARTING.test(answer.text) && performance.now() < deadline) {
      await sleep(TRY_AGAIN_MS);
      answer = await post();
    }
    if (answer.status !== 200 && (await this.job(id)) === undefined) this.#expectOk(answer, "takes no job");
  }

  /** All of them, drivers that were started by hand too. */
  async jobs(): Promise<readonly JobDetails[]> {
    const answer = await this.#ask("GET", "/api/jobs/");
    this.#expectOk(answer, "does not tell of its jobs");
    return JSON.parse(answer.text) as JobDetails[];
  }

  /** False when it was over already. */
  async stop(id: string): Promise<boolean> {
    const answer = await this.#ask("POST", `/api/jobs/${encodeURIComponent(id)}/stop`);
    this.#expectOk(answer, "does not stop the job");
    return asObject(answer.text)?.["stopped"] === true;
  }

  /** A file in the folder of logs of a node; undefined when there is none. */
  async logFile(nodeId: string, name: string): Promise<string | undefined> {
    const query = new URLSearchParams({ node_id: nodeId, filename: name, lines: "-1" });
    const { status, text } = await this.#ask("GET", `/api/v0/logs/file?${query.toString()}`);
    return status === 200 ? text : undefined;
  }

  async logs(id: string): Promise<string> {
    const { status, text } = await this.#ask("GET", `/api/jobs/${encodeURIComponent(id)}/logs`);
    return status === 200 ? textOf(asObject(text)?.["logs"]) : "";
  }

  /**
   * Rows of a list of Ray's state API, with their details.
   *
   * @param filters - what fields have to be
   * @throws ConnectionFailedError
   */
  async list(
    name: string,
    filters: Readonly<Record<string, string>> = {},
  ): Promise<{ readonly rows: readonly RayRow[]; readonly total: number }> {
    const query = new URLSearchParams({ detail: "1", limit: String(LIST_LIMIT) });
    for (const [key, value] of Object.entries(filters)) {
      query.append("filter_keys", key);
      query.append("filter_predicates", "=");
      query.append("filter_values", value);
    }
    const answer = await this.#ask("GET", `/api/v0/${name}?${query.toString()}`);
    this.#expectOk(answer, `does not tell of its ${name}`);
    const { data } = asObject(answer.text) as { data?: { result?: { result?: RayRow[]; total?: number } } };
    const rows = data?.result?.result ?? [];
    return { rows, total: data?.result?.total ?? rows.length };
  }

  /** As the autoscaler last saw it, some seconds ago; nothing where there is none. */
  async usage(): Promise<UsageByNode> {
    const { status, text } = await this.#ask("GET", "/api/cluster_status");
    const { data } = (status === 200 ? asObject(text) : {}) as {
      data?: { clusterStatus?: { loadMetricsReport?: { usageByNode?: UsageByNode | null } } | null };
    };
    return data?.clusterStatus?.loadMetricsReport?.usageByNode ?? {};
  }

  /** What each node measures of itself, every few seconds. */
  async machines(): Promise<readonly RayRow[]> {
    const { status, text } = await this.#ask("GET", "/nodes?view=summary");
    return (status === 200 ? (asObject(text) as { data?: { summary?: RayRow[] } }) : {}).data?.summary ?? [];
  }

  /** Names of log files of a node, by their kinds. */
  async logFiles(nodeId: string, glob: string): Promise<Readonly<Record<string, readonly string[]>>> {
    const query = new URLSearchParams({ node_id: nodeId, glob });
    const answer = await this.#ask("GET", `/api/v0/logs?${query.toString()}`);
    this.#expectOk(answer, "does not tell of its logs");
    return (asObject(answer.text) as { data?: { result?: Record<string, string[]> } }).data?.result ?? {};
  }

  /** The last lines of a log file; all of them for -1. */
  async logText(nodeId: string, file: string, lines: number): Promise<string> {
    const query = new URLSearchParams({ node_id: nodeId, filename: file, lines: String(lines) });
    const answer = await this.#ask("GET", `/api/v0/logs/file?${query.toString()}`);
    this.#expectOk(answer, `does not show the log ${file}`);
    return answer.text;
  }

  /** The last lines of one run of a task, where Ray has noted which part of a file is its. */
  async taskLog(task: string, attempt: number, stream: "stdout" | "stderr", lines: number): Promise<string> {
    const suffix = stream === "stdout" ? "out" : "err";
    const query = new URLSearchParams({ task_id: task, attempt_number: String(attempt), suffix, lines: String(lines) });
    const answer = await this.#ask("GET", `/api/v0/logs/file?${query.toString()}`);
    this.#expectOk(answer, "does not show the log of the task");
    return answer.text;
  }

  #expectOk({ status, text }: Answer, what: string): void {
    if (status === 200) return;
    const lines = text.trim().split("\n");
    throw this.failure(`Ray ${what} (status ${status}): ${lines.at(-1)?.slice(0, 300) || "look at the dashboard"}`);
  }

  /** What is wrong with this cluster, with its address. */
  failure(reason: string): ConnectionFailedError {
    return new ConnectionFailedError(this.#options.address, reason);
  }

  async #ask(method: string, path: string, body?: Uint8Array): Promise<Answer> {
    const answer = await this.#sendAgain(method, path, body);
    if (answer.status === 401) throw this.failure(`the cluster wants a token: ${TOKEN_FIX}`);
    if (answer.status === 403) throw this.failure(`the cluster refuses the token: ${TOKEN_FIX}`);
    return answer;
  }

  /** A dashboard that has just started lets connections go that it has taken. */
  async #sendAgain(method: string, path: string, body: Uint8Array | undefined): Promise<Answer> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#send(method, path, body);
      } catch (error) {
        if (method === "POST" || tries === MOST_TRIES || !(error instanceof ResetError)) throw error;
        await sleep(TRY_AGAIN_MS);
      }
    }
  }

  #send(method: string, path: string, body: Uint8Array | undefined): Promise<Answer> {
    const { host, port, token } = this.#options;
    const headers = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-length": body.byteLength }),
      ...(method === "POST" ? { "content-type": "application/json" } : {}),
    };
    return new Promise((resolve, reject) => {
      const hostname = host.replace(/^\[|\]$/g, "");
      // A connection of its own for each: those kept open end with an error when the head ends.
      const sent = request({ hostname, port, method, path, headers, agent: false }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
        });
        response.once("end", () => resolve({ status: response.statusCode ?? 0, text }));
        response.once("error", (error) => reject(this.#unreachable(error)));
      });
      const withinMs = path === VERSION_PATH ? GREET_WITHIN_MS : ANSWER_WITHIN_MS;
      sent.setTimeout(withinMs, () => sent.destroy(new Error(`no answer within ${withinMs / 1_000} s`)));
      sent.once("error", (error) => reject(this.#unreachable(error)));
      sent.end(body);
    });
  }

  #unreachable(error: Error & { code?: string; errors?: readonly { code?: string }[] }): ConnectionFailedError {
    const code = error.code ?? error.errors?.[0]?.code ?? "";
    if (code === "ECONNREFUSED") {
      return this.failure(`nothing listens there: start the head with 'ray start --head', and ${CHECK}`);
    }
    if (code === "ENOTFOUND") return this.failure("no machine has that name: check the address");
    const noHttp = `what listens there does not speak HTTP: ${CHECK}`;
    if (code === "ECONNRESET") return new ResetError(this.#options.address, noHttp);
    if (code.startsWith("HPE_")) return this.failure(noHttp);
    return this.failure(`${error.message}: check the network, the port-forwarding and the firewall`);
  }
}

const CHECK = "check the port: it is the dashboard's, 8265 unless --dashboard-port says otherwise";
const TOKEN_FIX =
  "pass the one in ~/.ray/auth_token of the head as init({ token }), in RAY_AUTH_TOKEN, or in a file that RAY_AUTH_TOKEN_PATH names";

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function asObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
