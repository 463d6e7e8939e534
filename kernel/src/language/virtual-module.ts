import type { AnalysedCell } from "./cell/compile-cell.ts";
import { leadingPragmas } from "./cell/directives.ts";
import type { LiveName } from "./notebook-world.ts";

/** A cell as a module of the type world: `header`, the user's text, then a line that exports its names. */
export interface VirtualModule {
  readonly text: string;
  /** Length of what precedes the user's text: subtract it from every position. */
  readonly headerLength: number;
  /** Versions whose modules it imports. */
  readonly dependencies: readonly number[];
}

export interface ModuleSources {
  /** Names of earlier cells that the module imports. */
  readonly imported: readonly LiveName[];
  /** Names among these that the cell assigns to. */
  readonly assigned: ReadonlySet<string>;
  /** Versions to import for their effect on other modules. */
  readonly augmenting: readonly number[];
  /** The specifier of a version's module. */
  readonly specifierOf: (version: number) => string;
}

/** Build the module of a cell. */
export function virtualModule(code: string, cell: AnalysedCell, sources: ModuleSources): VirtualModule {
  const header = `${leadingPragmas(code)}${importLine(sources)}\n`;
  const dependencies = new Set([...sources.augmenting, ...sources.imported.map(({ version }) => version)]);
  return {
    // A script's first line is a comment, but only at the very top of a file.
    text: `${header}${code.replace(/^#!/, "//")}\n${exportLine(cell)}`,
    headerLength: header.length,
    dependencies: [...dependencies],
  };
}

function importLine({ imported, assigned, augmenting, specifierOf }: ModuleSources): string {
  const byVersion = new Map<number, string[]>(augmenting.map((version) => [version, []]));
  const variables: string[] = [];
  for (const { name, version, kind } of imported) {
    const isAssigned = assigned.has(name) && (kind === "let" || kind === "var");
    // An import cannot be assigned to; a variable of the same type can, and the value is checked.
    if (isAssigned) variables.push(`declare let ${name}: typeof ${ALIAS_PREFIX}${name};`);
    const clause = isAssigned ? `${name} as ${ALIAS_PREFIX}${name}` : name;
    byVersion.set(version, [...(byVersion.get(version) ?? []), clause]);
  }
  const imports = [...byVersion].map(([version, names]) => {
    const specifier = JSON.stringify(specifierOf(version));
    return names.length === 0 ? `import ${specifier};` : `import { ${names.join(", ")} } from ${specifier};`;
  });
  return [...imports, ...variables].join(" ");
}

/** U+01C3, so that no user's name is hit. */
const ALIAS_PREFIX = "\u01C3";

function exportLine({ names }: AnalysedCell): string {
  const exported = [...names.values()].filter(({ kind, isExported }) => kind !== "using" && !isExported);
  return `export { ${exported.map(({ name }) => name).join(", ")} };`;
}
