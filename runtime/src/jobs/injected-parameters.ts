/**
 * Parameter values from outside, put into a notebook the way papermill does: a cell tagged `injected-parameters` right
 * behind the one tagged `parameters`.
 *
 * A `let` or `var` is assigned to (`blocks = 8;`): its declared type stays, and the kernel checks the value against it.
 * A `const` is declared anew with the type of the first declaration (`const blocks: number = 8;`), because a cell may
 * declare a name again, and then everything after it sees the new value.
 */
import { JobError } from "./job-error.ts";
import { findTagged, type JsonObject, type Notebook, newCell } from "./notebook.ts";
import { findMistyped } from "./parameter-types.ts";
import { type Parameter, type ParameterKind, type ParametersCell, readParameters } from "./parameters.ts";

/** A parameter as given on a command line. */
export interface GivenParameter {
  readonly name: string;
  /** JSON where it is JSON that fits the parameter's type, otherwise text. */
  readonly text: string;
}

/** A value and the TypeScript expression that makes it. */
interface Candidate {
  readonly value: unknown;
  readonly expression: string;
}

interface Fitted {
  readonly parameter: Parameter;
  readonly chosen: Candidate;
}

/**
 * Read `name=value`.
 *
 * @throws JobError `PARAMETERS_INVALID` when there is no `=` or the name is no name.
 */
export function parseGivenParameter(argument: string): GivenParameter {
  const [, name, text] = /^([\p{ID_Start}$_][\p{ID_Continue}$]*)=(.*)$/su.exec(argument) ?? [];
  if (name === undefined || text === undefined) {
    throw new JobError("PARAMETERS_INVALID", `'${argument}' is not a parameter; write name=value, as in blocks=8.`);
  }
  return { name, text };
}

/** The parameters a notebook declares; empty when no cell is tagged `parameters`. */
export async function parametersOf(notebook: Notebook, directory: string): Promise<readonly Parameter[]> {
  const cell = parametersCellOf(notebook, directory);
  return cell === undefined ? [] : readParameters(cell);
}

/**
 * Put the given values into the notebook, replacing those of an earlier injection.
 *
 * @returns name → value of what was injected, for the notebook's metadata.
 * @throws JobError `PARAMETERS_INVALID` for an unknown name, a value of the wrong type, and a missing value.
 */
export async function injectParameters(
  notebook: Notebook,
  given: readonly GivenParameter[],
  directory: string,
): Promise<JsonObject> {
  const cell = parametersCellOf(notebook, directory);
  const injected = findTagged(notebook, "injected-parameters");
  if (cell === undefined) {
    if (given.length === 0) return {};
    throw invalid(
      `The notebook has no cell tagged 'parameters', so '${given[0]?.name}' cannot be set; ` +
        "in JupyterLab, add the tag 'parameters' to the cell that declares it (property inspector, Cell Tags).",
    );
  }
  if (given.length === 0 && injected >= 0) return {};
  const parameters = await readParameters(cell);
  const byName = new Map(given.map((each) => [each.name, each]));
  refuseUnknown(parameters, byName);
  refuseMissing(parameters, byName);
  if (given.length === 0) return {};
  const fitted = await fitAll(cell, parameters, byName);
  const source = ["// Parameters", ...fitted.map(injectedLine)].join("\n");
  if (injected >= 0) notebook.cells.splice(injected, 1);
  const fields = { id: "injected-parameters", source, tags: ["injected-parameters"] };
  notebook.cells.splice(findTagged(notebook, "parameters") + 1, 0, newCell(notebook, "code", fields));
  return Object.fromEntries(fitted.map(({ parameter, chosen }) => [parameter.name, forMetadata(chosen.value)]));
}

function parametersCellOf(notebook: Notebook, directory: string): ParametersCell | undefined {
  const cell = notebook.cells[findTagged(notebook, "parameters")];
  return cell && { source: cell.source, directory };
}

function refuseUnknown(parameters: readonly Parameter[], given: ReadonlyMap<string, GivenParameter>): void {
  const known = new Set(parameters.map((parameter) => parameter.name));
  const unknown = [...given.keys()].find((name) => !known.has(name));
  if (unknown === undefined) return;
  const list = parameters.map(({ name, defaultText }) =>
    defaultText === undefined ? name : `${name} = ${defaultText}`,
  );
  const hint = list.length === 0 ? "its parameters cell declares none" : `it has: ${list.join(", ")}`;
  throw invalid(`The notebook has no parameter '${unknown}'; ${hint}.`);
}

function refuseMissing(parameters: readonly Parameter[], given: ReadonlyMap<string, GivenParameter>): void {
  const missing = parameters.find((parameter) => parameter.isRequired && !given.has(parameter.name));
  if (missing === undefined) return;
  const { name, type, description } = missing;
  const meaning = description === "" ? "" : `, ${description}`;
  throw invalid(`The parameter '${name}' (${type}${meaning}) has no default; give it with -p ${name}=VALUE.`);
}

async function fitAll(
  cell: ParametersCell,
  parameters: readonly Parameter[],
  given: ReadonlyMap<string, GivenParameter>,
): Promise<Fitted[]> {
  const wanted = parameters.flatMap((parameter) => {
    const text = given.get(parameter.name)?.text;
    return text === undefined ? [] : [{ parameter, text, candidates: candidatesFor(parameter.kind, text) }];
  });
  const forCompiler = wanted.filter(({ parameter }) => parameter.kind === "other");
  const assignments = forCompiler.flatMap(({ parameter, candidates }) =>
    candidates.map((candidate) => ({ name: parameter.name, expression: candidate.expression, candidate })),
  );
  const refused = new Set(assignments.length === 0 ? [] : await findMistyped(cell, assignments));
  const rejected = new Set(assignments.filter((each) => refused.has(each)).map((each) => each.candidate));
  return wanted.map(({ parameter, text, candidates }) => {
    const chosen = candidates.find((candidate) => !rejected.has(candidate));
    if (chosen === undefined) throw mistyped(parameter, text);
    return { parameter, chosen };
  });
}

/** What `text` can mean for a parameter of this kind, the likeliest first. */
function candidatesFor(kind: ParameterKind, text: string): Candidate[] {
  const json = parseJson(text);
  const asText = { value: text, expression: JSON.stringify(text) };
  if (kind === "number") return numberCandidates(text, json);
  if (kind === "boolean") return typeof json?.value === "boolean" ? [json] : [];
  if (kind === "bigint") return /^-?\d+n?$/.test(text) ? [bigintCandidate(text)] : [];
  if (kind === "string") return typeof json?.value === "string" ? [json] : [asText];
  return json === undefined ? [asText] : [json, asText];
}

function numberCandidates(text: string, json: Candidate | undefined): Candidate[] {
  if (json !== undefined) return typeof json.value === "number" ? [json] : [];
  // `.5`, `0x10` and `Infinity` are numbers to a user, though not to JSON.
  const value = text.trim() === "" ? Number.NaN : Number(text);
  return text === "NaN" || !Number.isNaN(value) ? [{ value, expression: String(value) }] : [];
}

function bigintCandidate(text: string): Candidate {
  const value = BigInt(text.replace("n", ""));
  return { value, expression: `${value}n` };
}

function parseJson(text: string): Candidate | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return { value, expression: JSON.stringify(value) };
  } catch {
    return undefined;
  }
}

function injectedLine({ parameter, chosen }: Fitted): string {
  const { name, declaredWith, type } = parameter;
  if (declaredWith !== "const") return `${name} = ${chosen.expression};`;
  // `any` means that the type could not be found out here; the value's own type is better then.
  return type === "any" ? `const ${name} = ${chosen.expression};` : `const ${name}: ${type} = ${chosen.expression};`;
}

/** JSON has neither bigint nor NaN nor the infinities. */
function forMetadata(value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}

function mistyped({ name, kind, type, description }: Parameter, text: string): JobError {
  const meaning = description === "" ? "" : ` (${description})`;
  const hint = kind === "boolean" ? "; write true or false" : "";
  return invalid(`The parameter '${name}'${meaning} is of type ${type}, and '${text}' is not${hint}.`);
}

function invalid(message: string): JobError {
  return new JobError("PARAMETERS_INVALID", message);
}
