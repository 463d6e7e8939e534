/** What KubeRay makes of a RayCluster: what it accepts, and what it starts in each container. */
import { execFileSync } from "node:child_process";
import { join, resolve } from "node:path";
import { Ajv, type AnySchemaObject } from "ajv";

const VENV = process.env["MOBULA_TEST_VENV"] ?? resolve(import.meta.dirname, "../../.venv");

interface Container {
  readonly name: string;
  readonly image: string;
  readonly ports?: readonly { readonly containerPort: number; readonly name?: string }[];
  readonly resources: { readonly limits: Readonly<Record<"cpu" | "memory", string | number>> };
}

interface Group {
  readonly rayStartParams: Readonly<Record<string, string>>;
  readonly template: { readonly spec: { readonly containers: readonly [Container, ...Container[]] } };
}

export interface RayClusterManifest {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly rayVersion: string;
    readonly headGroupSpec: Group;
    readonly workerGroupSpecs: readonly (Group & { readonly minReplicas: number; readonly maxReplicas: number })[];
  };
}

const text = { type: "string" };
const count = { type: "integer", minimum: 0, maximum: 2 ** 31 - 1 };
/** Of a port or a label, as in DNS. */
const name = { type: "string", pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", maxLength: 63 };
const amount = {
  type: ["integer", "string"],
  pattern: "^[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$",
};

function object(
  required: Readonly<Record<string, AnySchemaObject>>,
  optional: Readonly<Record<string, AnySchemaObject>> = {},
): AnySchemaObject {
  const properties = { ...required, ...optional };
  return { type: "object", properties, required: Object.keys(required), additionalProperties: false };
}

const port = object(
  { containerPort: { type: "integer", minimum: 1, maximum: 65_535 } },
  { name: { ...name, maxLength: 15 } },
);
const limits = { type: "object", additionalProperties: amount };
const container = object(
  { name, image: text },
  { ports: { type: "array", items: port }, resources: object({}, { limits }) },
);
const group = {
  rayStartParams: { type: "object", additionalProperties: text },
  template: object({ spec: object({ containers: { type: "array", items: container, minItems: 1 } }) }),
};

/**
 * The fields of RayCluster that the manual uses, as in KubeRay's own definition; one that is not here is an error.
 *
 * @see https://github.com/ray-project/kuberay/blob/master/ray-operator/config/crd/bases/ray.io_rayclusters.yaml
 */
const schema = object({
  apiVersion: { const: "ray.io/v1" },
  kind: { const: "RayCluster" },
  metadata: object({ name }),
  spec: object(
    { headGroupSpec: object(group) },
    {
      rayVersion: text,
      authOptions: object({}, { mode: { enum: ["disabled", "token"] } }),
      workerGroupSpecs: {
        type: "array",
        items: object({ groupName: text, minReplicas: count, maxReplicas: count, ...group }, { replicas: count }),
      },
    },
  ),
});

/** @throws Error that says where it is wrong. */
export function parseManifest(yaml: string): RayClusterManifest {
  const program = "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))";
  const manifest: unknown = JSON.parse(
    execFileSync(join(VENV, "bin", "python"), ["-c", program], { input: yaml, encoding: "utf8" }),
  );
  const ajv = new Ajv({ allowUnionTypes: true });
  if (!ajv.validate(schema, manifest)) throw new Error(ajv.errorsText());
  return manifest as RayClusterManifest;
}

/** The name of the head's service. */
export const headServiceOf = ({ metadata }: RayClusterManifest): string => `${metadata.name}-head-svc`;

/**
 * `ray start` as the operator writes it: the group's parameters, and those that it adds.
 *
 * @see https://github.com/ray-project/kuberay/blob/master/ray-operator/controllers/ray/common/pod.go
 */
export function startCommand({ rayStartParams, template }: Group, head?: string): string {
  const { cpu, memory } = template.spec.containers[0].resources.limits;
  const params = {
    block: "true",
    "dashboard-agent-listen-port": "52365",
    "metrics-export-port": "8080",
    "num-cpus": String(Math.ceil(Number(cpu))),
    memory: String(bytes(String(memory))),
    ...(head === undefined ? {} : { address: `${head}:6379` }),
    ...rayStartParams,
  };
  const options = Object.entries(params).map(([key, value]) => (value === "true" ? `--${key}` : `--${key}=${value}`));
  return ["ulimit -n 65536; ray start", ...(head === undefined ? ["--head"] : []), ...options].join(" ");
}

/** `8Gi` */
function bytes(amount: string): number {
  const [, number = "", unit = ""] = /^(\d+)(Ki|Mi|Gi|Ti)?$/.exec(amount) ?? [];
  return Number(number) * 1024 ** ["", "Ki", "Mi", "Gi", "Ti"].indexOf(unit);
}
