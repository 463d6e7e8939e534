/** On which nodes work may run: a node it names, and labels it asks for. */
import type { WireScheduling } from "../protocol/messages.ts";

/** A node, as work can ask for it. */
export interface NodeIdentity {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Why no node may run something, and what to do. */
export interface Misfit {
  readonly explanation: string;
  readonly advice: string;
}

/** What a label selector asks of one label. */
export interface LabelCondition {
  /** Any value but these, or no such label. */
  readonly isNot: boolean;
  readonly values: readonly string[];
}

/** The label that every node has, in Ray too. */
export const NODE_ID_LABEL = "ray.io/node-id";

const PART = "[a-zA-Z0-9](?:[a-zA-Z0-9_.-]{0,61}[a-zA-Z0-9])?";
const ONE_VALUE = new RegExp(`^(!?)(${PART})$`);
const VALUES = new RegExp(`^(!?)in\\((${PART}(?:, ?${PART})*)\\)$`);
const LABEL_NAME = new RegExp(`^${PART}$`);
const MAX_PREFIX_LENGTH = 253;

/** What `v`, `!v`, `in(a,b)` or `!in(a,b)` asks for; undefined for another text. */
export function labelCondition(text: string): LabelCondition | undefined {
  const [, not, values] = ONE_VALUE.exec(text) ?? VALUES.exec(text) ?? [];
  return values === undefined ? undefined : { isNot: not === "!", values: values.split(/, ?/) };
}

/** May a label have this name? `zone`, or `example.com/zone`. */
export function isLabelName(text: string): boolean {
  const at = text.lastIndexOf("/");
  if (at < 0) return LABEL_NAME.test(text);
  const prefix = text.slice(0, at);
  const isPrefix = prefix.length <= MAX_PREFIX_LENGTH && prefix.split(".").every((part) => LABEL_NAME.test(part));
  return isPrefix && LABEL_NAME.test(text.slice(at + 1));
}

/** Has a node with these labels what `selector` asks for? */
export function hasLabels(
  labels: Readonly<Record<string, string>>,
  selector: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector).every(([name, text]) => {
    const condition = labelCondition(text);
    const value = Object.hasOwn(labels, name) ? labels[name] : undefined;
    return condition !== undefined && (value !== undefined && condition.values.includes(value)) !== condition.isNot;
  });
}

/** Why work cannot run where this node is the only one; undefined when it can. */
export function misfit(node: NodeIdentity, scheduling: WireScheduling | undefined): Misfit | undefined {
  if (scheduling === undefined) return undefined;
  const { node: wanted, labels } = scheduling;
  if (wanted !== undefined && !wanted.isSoft && wanted.id !== node.id) {
    const advice = "Take an id from listNodes(), or add soft: true to let it run elsewhere.";
    return { explanation: `there is no node '${wanted.id}'`, advice };
  }
  if (labels === undefined || hasLabels(node.labels, labels)) return undefined;
  const asked = formatLabels(labels);
  const advice = "Take labels from listNodes(), or start a cluster with a node that has them.";
  return { explanation: `no node has the labels ${asked}; there are ${formatLabels(node.labels)}`, advice };
}

/** `zone=a, kind=!in(b,c)`. */
export function formatLabels(labels: Readonly<Record<string, string>>): string {
  const texts = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return texts.length === 0 ? "none" : texts.join(", ");
}
