/** What the commands about jobs of a Ray cluster have in common: finding the cluster and the job. */

import { type JobDetails, JobsApi, type JobsApiOptions } from "../engine/ray/jobs-api.ts";
import { isRayAddress, parseRayAddress } from "../engine/ray/ray-address.ts";
import { rayToken } from "../engine/ray/ray-token.ts";
import { hasCode } from "../errors.ts";
import { CommandError, EXIT_CODES, type OptionValues, textOf, usageError } from "./command.ts";

/** Options of all of them, for help texts whose explanations begin in that column. */
export function rayHelp(column: number): string {
  const lines = [
    ["      --address ADDRESS", "the Ray cluster: ray://HOST:8265, its dashboard. Default: the environment variable"],
    ["", "MOBULA_ADDRESS. A token is looked for in RAY_AUTH_TOKEN, in the file that RAY_AUTH_TOKEN_PATH"],
    ["", "names, and in ~/.ray/auth_token"],
    ["  -h, --help", "show this help"],
  ] as const;
  return lines.map(([option, text]) => option.padEnd(column) + text).join("\n");
}

export interface RayCluster {
  readonly api: JobsApi;
  readonly options: JobsApiOptions;
}

/** @throws CommandError when the address names none */
export function rayCluster(values: OptionValues): RayCluster {
  const address = textOf(values, "address") ?? process.env["MOBULA_ADDRESS"];
  if (address === undefined || !isRayAddress(address)) {
    const given = address === undefined ? "" : `, and '${address}' is none`;
    throw usageError(
      `Jobs run on Ray clusters${given}: write '--address ray://HOST:8265'. 'mobula run' runs a notebook on this machine.`,
    );
  }
  try {
    const options = { address, ...parseRayAddress(address), token: rayToken(process.env) };
    return { api: new JobsApi(options), options };
  } catch (error) {
    throw hasCode(error, "CONNECTION_FAILED") ? usageError((error as Error).message) : error;
  }
}

/** What the cluster cannot do is one sentence, not a stack. */
export async function asked<Answer>(act: () => Promise<Answer>): Promise<Answer> {
  try {
    return await act();
  } catch (error) {
    if (!hasCode(error, "CONNECTION_FAILED")) throw error;
    throw new CommandError(EXIT_CODES.failed, (error as Error).message, { cause: error });
  }
}

/** The one job that a command is about. @throws CommandError when there is none of that name */
export async function jobOf(
  { api, options }: RayCluster,
  action: string,
  positionals: readonly string[],
): Promise<{ readonly id: string; readonly job: JobDetails }> {
  const [id, ...more] = positionals;
  if (id === undefined || more.length > 0) throw usageError(`Which job? Write 'mobula job ${action} ID'.`);
  const job = await asked(() => api.job(id));
  if (job !== undefined) return { id, job };
  throw new CommandError(EXIT_CODES.failed, `${options.address} has no job '${id}'; 'mobula job list' lists them.`);
}

/** Under which name the cluster keeps the executed notebook of a job. */
export function outputName(id: string): string {
  return `mobula-${id}.ipynb`;
}
