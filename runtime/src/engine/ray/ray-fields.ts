/** Fields of Ray's rows, as ours have them: absent where Ray has null or an empty text. */

/** Ray's names of resources, and ours. */
const RESOURCES: Readonly<Record<string, string>> = { CPU: "cpus", GPU: "gpus", memory: "memoryBytes" };
/** Names of nodes, what is set aside for placement groups, and the store, which is told apart. */
const NOT_OF_WORK = /^node:|_group_(\d+_)?[0-9a-f]{36}$|^object_store_memory$/;

export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** 0 is what Ray says of a time that has not come. */
export function timeOf(value: unknown): number | undefined {
  return numberOf(value) || undefined;
}

export function known<Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): { readonly [Name in Key]?: Value } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [Name in Key]?: Value };
}

/** Amounts under our names. */
export function resourcesOf(amounts: unknown): Record<string, number> {
  const entries = Object.entries((amounts ?? {}) as Record<string, number>);
  return Object.fromEntries(
    entries.filter(([name]) => !NOT_OF_WORK.test(name)).map(([name, amount]) => [RESOURCES[name] ?? name, amount]),
  );
}
