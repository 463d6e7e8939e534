/** `mobula install`: kernel and JupyterLab extension into a Jupyter data directory. */
import { resolve } from "node:path";
import type { InstallTarget } from "@mobula/kernel";
import { type Command, EXIT_CODES, type ExitCode, type OptionValues, textOf, usageError } from "./command.ts";
import { installInto } from "./installation.ts";

const HELP = `Usage: mobula install [--user | --prefix DIR | --data-dir DIR]

Install the kernel, for TypeScript and for JavaScript, and the JupyterLab extension, so that every JupyterLab that
looks there offers them.
Installing again replaces what is there.

Options:
      --user          to your own Jupyter data directory (default)
      --prefix DIR    to DIR/share/jupyter; DIR is a Python environment, as '.venv'
      --data-dir DIR  to DIR itself; name DIR in JUPYTER_PATH then
  -h, --help          show this help

Example:
  mobula install --prefix .venv
`;

export const installCommand: Command = {
  name: "install",
  summary: "install kernel and extension for JupyterLab",
  help: HELP,
  options: { user: { type: "boolean" }, prefix: { type: "string" }, "data-dir": { type: "string" } },
  run: install,
};

async function install(values: OptionValues, positionals: readonly string[]): Promise<ExitCode> {
  if (positionals[0] !== undefined) {
    throw usageError(`'mobula install' takes no '${positionals[0]}'; name a folder with '--prefix' or '--data-dir'.`);
  }
  const target = targetOf(values);
  const { dataDirectory } = await import("@mobula/kernel");
  const installed = await installInto(dataDirectory(target));
  process.stdout.write(
    `Kernels:   ${installed.kernelspecs.join("\n           ")}\nExtension: ${installed.extension}\n`,
  );
  return EXIT_CODES.ok;
}

function targetOf(values: OptionValues): InstallTarget {
  const prefix = textOf(values, "prefix");
  const dataDirectory = textOf(values, "data-dir");
  const given = [values["user"], prefix, dataDirectory].filter((value) => value !== undefined);
  if (given.length > 1) throw usageError("Give one of '--user', '--prefix' and '--data-dir', not several.");
  if (prefix !== undefined) return { type: "prefix", directory: resolve(prefix) };
  if (dataDirectory !== undefined) return { type: "data-dir", directory: resolve(dataDirectory) };
  return { type: "user" };
}
