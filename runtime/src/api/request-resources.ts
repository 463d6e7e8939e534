/** `requestResources`: how large a cluster should be, ahead of the work. */
import { toAmounts } from "../core/resources.ts";
import type { ResourceAmounts } from "../protocol/messages.ts";
import { currentRuntime } from "./lifecycle.ts";
import { checkCount } from "./options.ts";
import type { Bundle } from "./placement-group.ts";
import { checkResourceNames } from "./resources.ts";

/** What `requestResources` asks for. */
export interface ResourceRequest {
  /** CPUs, wherever they are; a whole number. Default 0. */
  readonly cpus?: number;
  /** What must fit beside them, each bundle on one node. Default: none. */
  readonly bundles?: readonly Bundle[];
}

/**
 * Ask the cluster's autoscaler for room, ahead of the work that will need it: `await requestResources({ cpus: 64 })`. It starts
 * nodes until all of it would fit if nothing ran, as far as its limits go, and keeps them. Each request replaces the one
 * before, of any driver, and stays when the driver ends; `requestResources({})` takes it back.
 *
 * Resolves when the request is noted, not when the nodes are there: `cluster()` tells.
 *
 * @throws UnsupportedError when the cluster is no Ray cluster: one machine cannot grow
 */
export async function requestResources(request: ResourceRequest): Promise<void> {
  const { cpus = 0, bundles = [] } = request;
  checkCount("cpus", cpus);
  await currentRuntime().engine.requestResources({ cpus, bundles: bundles.map(amountsOf) });
}

function amountsOf({ resources, ...known }: Bundle, index: number): ResourceAmounts {
  checkResourceNames(resources);
  const amounts = toAmounts({ ...resources, ...known });
  if (Object.keys(amounts).length === 0) throw new RangeError(`Bundle ${index} is empty: each holds some resource`);
  return amounts;
}
