/** What the commands about standing clusters share. */
import { ConnectionFailedError } from "../errors.ts";
import { type Discovery, isClusterName } from "../node/discovery.ts";
import { findCluster } from "../node/find-cluster.ts";
import type { ClusterDescription } from "../protocol/messages.ts";
import type { JobRow, StateList } from "../protocol/state.ts";
import { CommandError, EXIT_CODES, type OptionValues, textOf, usageError } from "./command.ts";

const ANSWER_WITHIN_MS = 5_000;

/** The name given with `--name`. */
export function clusterNameOf(values: OptionValues): string | undefined {
  const name = textOf(values, "name");
  if (name === undefined || isClusterName(name)) return name;
  throw usageError(`The option '--name' takes letters, digits, '-' and '_', at most 63, not '${name}'.`);
}

/** The cluster of that name; without one the only one, or the default. @throws CommandError when there is none */
export function clusterOf(name: string | undefined): Discovery {
  try {
    return findCluster(name ?? "auto");
  } catch (error) {
    if (!(error instanceof ConnectionFailedError)) throw error;
    const reason = error.message.slice(error.message.indexOf(": ") + 2);
    throw new CommandError(EXIT_CODES.failed, reason.charAt(0).toUpperCase() + reason.slice(1), { cause: error });
  }
}

/** Ask a cluster's state API. @throws CommandError when it does not answer */
export async function askCluster({ name, url, token }: Discovery, path: string): Promise<unknown> {
  try {
    const answer = await fetch(`${url}${path}`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return await answer.json();
  } catch (error) {
    const why = error instanceof Error ? ((error.cause as Error | undefined)?.message ?? error.message) : String(error);
    throw new CommandError(EXIT_CODES.failed, `The cluster '${name}' at ${url} does not answer: ${why}`, {
      cause: error,
    });
  }
}

/** What a cluster is and who uses it. */
export async function describeCluster(
  cluster: Discovery,
): Promise<{ readonly cluster: ClusterDescription; readonly jobs: readonly JobRow[] }> {
  const [description, { items }] = await Promise.all([
    askCluster(cluster, "/api/v1/cluster") as Promise<ClusterDescription>,
    askCluster(cluster, "/api/v1/jobs") as Promise<StateList<JobRow>>,
  ]);
  return { cluster: description, jobs: items };
}
