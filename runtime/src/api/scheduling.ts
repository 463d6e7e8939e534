/** `schedulingStrategy` and `labelSelector`: which nodes work may run on. */
import { isLabelName, labelCondition } from "../core/node-choice.ts";
import { nearestName } from "../nearest-name.ts";
import type { WireScheduling } from "../protocol/messages.ts";

/** One node that work should run on. */
export interface NodeAffinity {
  /** Its id, as `listNodes()` tells it. */
  readonly nodeId: string;
  /** Run elsewhere when that node is gone, or can never hold the work. Default false: then the work fails. */
  readonly soft?: boolean;
}

/**
 * Where work goes among the nodes that have room for it: `"default"` fills nodes that are busy already and spares others
 * while it can, `"spread"` tries to use all alike, and `{ nodeId }` is one node.
 */
export type SchedulingStrategy = "default" | "spread" | NodeAffinity;

interface SchedulingOptions {
  readonly schedulingStrategy?: SchedulingStrategy;
  readonly labelSelector?: Readonly<Record<string, string>>;
  readonly placementGroup?: unknown;
}

const WORDS = ["default", "spread"];
const FIELDS = ["nodeId", "soft"];

/** What these options say of nodes. @throws TypeError */
export function schedulingOf(options: SchedulingOptions): { readonly scheduling?: WireScheduling } {
  const { schedulingStrategy: strategy, labelSelector: selector, placementGroup } = options;
  if (strategy !== undefined && placementGroup !== undefined) {
    throw new TypeError(
      "schedulingStrategy and placementGroup exclude each other: the group says where its work runs; leave one out",
    );
  }
  const scheduling = { ...strategyOf(strategy), ...labelsOf(selector) };
  return Object.keys(scheduling).length === 0 ? {} : { scheduling };
}

function strategyOf(strategy: SchedulingStrategy | undefined): WireScheduling {
  if (strategy === undefined || strategy === "default") return {};
  if (strategy === "spread") return { isSpread: true };
  if (typeof strategy !== "object" || strategy === null) {
    const near = nearestName(String(strategy), WORDS);
    throw new TypeError(
      `schedulingStrategy is "default", "spread" or { nodeId }, not ${JSON.stringify(strategy)}${meant(near)}`,
    );
  }
  for (const key of Object.keys(strategy)) {
    if (FIELDS.includes(key)) continue;
    const near = nearestName(key, FIELDS);
    throw new TypeError(`schedulingStrategy has no '${key}'${meant(near)}: it takes nodeId and soft`);
  }
  const { nodeId, soft = false } = strategy;
  if (typeof nodeId !== "string" || nodeId === "") {
    throw new TypeError(`schedulingStrategy.nodeId is the id of a node, as listNodes() tells it, not ${show(nodeId)}`);
  }
  if (typeof soft !== "boolean") throw new TypeError(`schedulingStrategy.soft is true or false, not ${show(soft)}`);
  return { node: { id: nodeId, isSoft: soft } };
}

function labelsOf(selector: Readonly<Record<string, string>> | undefined): WireScheduling {
  if (selector === undefined) return {};
  if (typeof selector !== "object" || selector === null || Array.isArray(selector)) {
    throw new TypeError(`labelSelector is an object such as { zone: "a" }, not ${show(selector)}`);
  }
  const entries = Object.entries(selector).map(([name, text]) => [name, conditionText(name, text)] as const);
  return entries.length === 0 ? {} : { labels: Object.fromEntries(entries) };
}

/** As all engines read it. @throws TypeError */
function conditionText(name: string, text: unknown): string {
  if (!isLabelName(name)) {
    throw new TypeError(
      `labelSelector: '${name}' cannot be the name of a label; it has letters, digits and - _ . within, 63 at most, ` +
        "after a prefix such as example.com/ if it has one",
    );
  }
  const condition = typeof text === "string" ? labelCondition(text) : undefined;
  if (condition === undefined) {
    throw new TypeError(
      `labelSelector.${name} is a value, "!value", "in(a,b)" or "!in(a,b)", not ${show(text)}; ` +
        "values have letters, digits and - _ . within, 63 at most",
    );
  }
  const { isNot, values } = condition;
  const isList = (text as string).endsWith(")");
  return `${isNot ? "!" : ""}${isList ? `in(${values.join(",")})` : values.join()}`;
}

function meant(near: string | undefined): string {
  return near === undefined ? "" : ` (did you mean '${near}'?)`;
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}
