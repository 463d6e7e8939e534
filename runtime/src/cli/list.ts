/** `mobula list` and `mobula summary`. */

import { nearestName } from "../nearest-name.ts";
import { ADDRESS_HELP, ADDRESS_OPTIONS, findCluster } from "./cluster-source.ts";
import { type Command, EXIT_CODES, type ExitCode, type OptionValues, textOf, textsOf, usageError } from "./command.ts";
import { formatList, type TableName } from "./state-tables.ts";
import { outputWidth } from "./table.ts";

const LISTS = ["tasks", "actors", "objects", "workers", "nodes", "jobs", "placement-groups"] as const;
const SUMMARIES = ["tasks", "actors", "objects"] as const;

export const listCommand: Command = {
  name: "list",
  summary: "tasks, actors, objects, workers, nodes, jobs of a running cluster",
  help: `Usage: mobula list ${LISTS.join("|")} [OPTIONS]

What a running cluster has and did, newest first. Tasks that are over stay listed: the last 100 000.

Options:
      --filter FIELD=VALUE  only rows whose field has this value; may be repeated. For tasks: name, state (PENDING_ARGS,
                         QUEUED, RUNNING, BLOCKED, FINISHED, FAILED, CANCELLED), job, worker, pid, actor, parent,
                         errorType, cellId
      --limit N          rows at most; 100 by default, 10 000 at most
${ADDRESS_HELP}

Example:
  mobula list tasks --filter state=FAILED --limit 20
`,
  options: { ...ADDRESS_OPTIONS, filter: { type: "string", multiple: true }, limit: { type: "string" } },
  run: (values, positionals) => {
    const what = chosen("list", positionals, LISTS);
    return show(what, values, parametersOf(values));
  },
};

export const summaryCommand: Command = {
  name: "summary",
  summary: "tasks by name, actors by class, objects by owner",
  help: `Usage: mobula summary ${SUMMARIES.join("|")} [OPTIONS]

Counts since the cluster began: tasks by name, actors by class, objects by owner.

Options:
${ADDRESS_HELP}

Example:
  mobula summary tasks
`,
  options: ADDRESS_OPTIONS,
  run: (values, positionals) => {
    const route = `summary/${chosen("summary", positionals, SUMMARIES)}` as const;
    return show(route, values, { limit: "10000" });
  },
};

function chosen<Choice extends string>(
  command: string,
  positionals: readonly string[],
  choices: readonly Choice[],
): Choice {
  const [given, ...more] = positionals;
  if (more.length > 0) throw usageError(`'mobula ${command}' takes one word, and '${more[0]}' is too much.`);
  const choice = choices.find((each) => each === given);
  if (choice !== undefined) return choice;
  const words = choices.join(", ");
  if (given === undefined) throw usageError(`What is to be listed? Write 'mobula ${command}' and one of ${words}.`);
  const nearest = nearestName(given, choices);
  const hint = nearest === undefined ? `there are ${words}` : `did you mean '${nearest}'?`;
  throw usageError(`'mobula ${command}' knows no '${given}'; ${hint}`);
}

function parametersOf(values: OptionValues): Record<string, string> {
  const parameters: Record<string, string> = {};
  for (const filter of textsOf(values, "filter")) {
    const at = filter.indexOf("=");
    if (at < 1)
      throw usageError(`The option '--filter' takes FIELD=VALUE, as in '--filter state=RUNNING', not '${filter}'.`);
    parameters[filter.slice(0, at)] = filter.slice(at + 1);
  }
  const limit = textOf(values, "limit");
  return limit === undefined ? parameters : { ...parameters, limit };
}

async function show(
  route: Exclude<TableName, "logs">,
  values: OptionValues,
  parameters: Record<string, string>,
): Promise<ExitCode> {
  const source = await findCluster(values);
  const list = await source.read(route, parameters);
  const isFiltered = Object.keys(parameters).some((name) => name !== "limit");
  const text =
    values["json"] === true
      ? JSON.stringify(list, undefined, 2)
      : formatList(route, list, { width: outputWidth(), nowMs: Date.now() }, isFiltered);
  process.stdout.write(`${text}\n`);
  return EXIT_CODES.ok;
}
