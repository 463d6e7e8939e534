/** Charts of Vega and Vega-Lite: plain specifications, and builders that make one. */
import type { ShownValue } from "./displayable.ts";
import { plainJson } from "./plain-json.ts";

/** The chart of a specification, or of an object whose `toSpec()` returns one, as those of vega-lite-api do. */
export function showVega(value: object): ShownValue | undefined {
  const specification = specificationOf(value);
  const type = specification === undefined ? undefined : mimeTypeOf(specification);
  if (specification === undefined || type === undefined) return undefined;
  return { data: { [type]: plainJson(specification), "text/plain": describe(specification, type) }, metadata: {} };
}

type Specification = Readonly<Record<string, unknown>>;

function specificationOf(value: object): Specification | undefined {
  const { $schema, toSpec } = value as { $schema?: unknown; toSpec?: unknown };
  if (typeof $schema === "string") return value as Specification;
  if (typeof toSpec !== "function") return undefined;
  const made: unknown = toSpec.call(value);
  return typeof made === "object" && made !== null ? (made as Specification) : undefined;
}

/** JupyterLab renders version 5 of both; newer specifications are labelled as 5, which mostly draws them right. */
function mimeTypeOf({ $schema }: Specification): string | undefined {
  if (typeof $schema !== "string") return undefined;
  if ($schema.includes("/schema/vega-lite/")) return "application/vnd.vegalite.v5+json";
  return $schema.includes("/schema/vega/") ? "application/vnd.vega.v5+json" : undefined;
}

/** `Vega-Lite chart "Speed": bar`, for places that draw nothing. */
function describe({ title, mark }: Specification, type: string): string {
  const kind = type.includes("vegalite") ? "Vega-Lite" : "Vega";
  const text = typeof title === "string" ? title : (title as { text?: unknown } | undefined)?.text;
  const shape = typeof mark === "string" ? mark : (mark as { type?: unknown } | undefined)?.type;
  return `${kind} chart${typeof text === "string" ? ` "${text}"` : ""}${typeof shape === "string" ? `: ${shape}` : ""}`;
}
