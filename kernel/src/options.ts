/** The command line of the kernel. */
import { parseArgs } from "node:util";
import type { NotebookLanguageName } from "./core/kernel-info.ts";
import { isCheckLevel } from "./core/magic.ts";
import type { InstallOptions, InstallTarget } from "./install.ts";
import type { CheckLevel } from "./language/language.ts";

export const HELP = `Usage:
  node main.js --connection-file FILE [--directory DIR] [--language typescript|javascript] [--check error|warn|off] [--debug]
  node main.js install [--user | --prefix DIR | --data-dir DIR] [--language typescript|javascript] [--name NAME]
                       [--display-name TEXT]

Run a TypeScript kernel for Jupyter. A front end starts it and writes the connection file.
  --connection-file FILE  where the sockets are, and the key that signs messages
  --directory DIR         directory of the notebook; relative imports start here (default: the current one)
  --language LANGUAGE     what front ends are told that cells are written in (default: typescript)
  --check LEVEL           what a type error does: error blocks the cell, warn shows it, off skips checking
                          (default: error, for javascript off; a cell changes it with a first line "%check LEVEL")
  --debug                 log to stderr

install: write the kernelspec, so that front ends find the kernel.
  --user                  to the user's Jupyter data directory (default)
  --prefix DIR            to DIR/share/jupyter, as in a Python environment
  --data-dir DIR          to DIR, a Jupyter data directory
  --language LANGUAGE     of its notebooks (default: typescript)
  --name NAME             name of the kernelspec (default: mobula, or mobula-javascript)
  --display-name TEXT     name in the launcher (default: TypeScript (Mobula), or JavaScript (Mobula))
`;

export interface RunOptions {
  readonly connectionFile: string;
  readonly directory: string;
  readonly language: NotebookLanguageName;
  readonly check: CheckLevel;
  readonly isDebug: boolean;
}

export type Command =
  | { readonly type: "help" }
  | { readonly type: "run"; readonly options: RunOptions }
  | { readonly type: "install"; readonly options: InstallOptions };

/** The command line makes no sense; the message is one sentence for the user. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly code = "USAGE";
}

/**
 * @param args - the arguments after the script's name.
 * @throws UsageError
 */
export function readCommand(args: readonly string[]): Command {
  if (args.includes("--help") || args.includes("-h")) return { type: "help" };
  try {
    return args[0] === "install" ? readInstall(args.slice(1)) : readRun(args);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    // parseArgs adds a second sentence about "--"; the first says which option is wrong.
    const sentence = (error as Error).message.split(". ")[0]?.replace(/\.$/, "") ?? "Wrong arguments";
    throw new UsageError(`${sentence}; see --help.`);
  }
}

function readRun(args: readonly string[]): Command {
  const { values } = parseArgs({
    args: [...args],
    options: {
      "connection-file": { type: "string" },
      directory: { type: "string", default: process.cwd() },
      language: { type: "string" },
      check: { type: "string" },
      debug: { type: "boolean", default: false },
    },
  });
  const language = languageOf(values.language);
  const { check = language === "javascript" ? "off" : "error" } = values;
  if (values["connection-file"] === undefined) throw new UsageError("--connection-file FILE is missing; see --help.");
  if (!isCheckLevel(check)) throw new UsageError(`--check takes error, warn or off, not "${check}".`);
  return {
    type: "run",
    options: {
      connectionFile: values["connection-file"],
      directory: values.directory,
      language,
      check,
      isDebug: values.debug,
    },
  };
}

function readInstall(args: readonly string[]): Command {
  const { values } = parseArgs({
    args: [...args],
    options: {
      user: { type: "boolean" },
      prefix: { type: "string" },
      "data-dir": { type: "string" },
      language: { type: "string" },
      name: { type: "string" },
      "display-name": { type: "string" },
    },
  });
  const targets: InstallTarget[] = [];
  if (values.user) targets.push({ type: "user" });
  if (values.prefix !== undefined) targets.push({ type: "prefix", directory: values.prefix });
  if (values["data-dir"] !== undefined) targets.push({ type: "data-dir", directory: values["data-dir"] });
  if (targets.length > 1) throw new UsageError("Choose one of --user, --prefix and --data-dir.");
  return {
    type: "install",
    options: {
      ...(targets[0] ? { target: targets[0] } : {}),
      ...(values.language === undefined ? {} : { language: languageOf(values.language) }),
      ...(values.name === undefined ? {} : { name: values.name }),
      ...(values["display-name"] === undefined ? {} : { displayName: values["display-name"] }),
    },
  };
}

function languageOf(word = "typescript"): NotebookLanguageName {
  if (word === "typescript" || word === "javascript") return word;
  throw new UsageError(`--language takes typescript or javascript, not "${word}".`);
}
