/** `mobula lab`: JupyterLab with the TypeScript kernel. */
import { stat } from "node:fs/promises";
import { delimiter, relative, resolve, sep } from "node:path";
import { type Command, CommandError, type ExitCode, type OptionValues, portOf, textOf, usageError } from "./command.ts";
import { findExtensionIn, findKernelIn, installKernels, ownDataDirectory } from "./installation.ts";
import { dataDirectoriesOf, findJupyter } from "./jupyter.ts";
import { refuseTakenPort, runLabServer } from "./lab-server.ts";
import { findBuiltExtension, installExtension } from "./labextension.ts";

const HELP = `Usage: mobula lab [NOTEBOOK | FOLDER] [OPTIONS]

Open JupyterLab with the TypeScript kernel. Where kernel and extension are not installed for this JupyterLab, it gets
them for this start. Ctrl-C stops JupyterLab with its kernels and their clusters.

Options:
      --port N         listen on this port; by default the first free one from 8888
      --no-browser     only print the address
      --jupyter PATH   the 'jupyter' program; by default the one in .venv/bin, else the first one in PATH
      --verbose        show JupyterLab's log
  -h, --help           show this help

Example:
  mobula lab notebooks/tour.ipynb
`;

export const labCommand: Command = {
  name: "lab",
  summary: "open JupyterLab with the TypeScript kernel",
  help: HELP,
  options: {
    port: { type: "string" },
    "no-browser": { type: "boolean" },
    jupyter: { type: "string" },
    verbose: { type: "boolean" },
  },
  run: lab,
};

/** What JupyterLab opens, relative to the folder whose files it shows. */
interface Opened {
  readonly root: string;
  /** With `/` between its parts; undefined when only the folder is opened. */
  readonly notebook: string | undefined;
}

async function lab(values: OptionValues, positionals: readonly string[]): Promise<ExitCode> {
  if (positionals[1] !== undefined)
    throw usageError(`'mobula lab' opens one notebook, and '${positionals[1]}' is too much.`);
  const port = portOf(values, "port");
  const opened = await findOpened(positionals[0]);
  const jupyter = await findJupyter(textOf(values, "jupyter"));
  if (port !== undefined) await refuseTakenPort(port);
  const extraDirectory = await prepareDataDirectory(jupyter);
  return runLabServer({
    jupyter,
    args: labArguments(opened, port, values["no-browser"] === true),
    env: environmentWith(extraDirectory),
    isVerbose: values["verbose"] === true,
    onAddress: (url) => process.stdout.write(`JupyterLab runs at ${addressOf(url, opened)}\nCtrl-C stops it.\n`),
  });
}

async function findOpened(path: string | undefined): Promise<Opened> {
  if (path === undefined) return { root: process.cwd(), notebook: undefined };
  const absolute = resolve(path);
  const info = await stat(absolute).catch(() => undefined);
  if (info === undefined) throw usageError(`There is no notebook '${path}'.`);
  if (info.isDirectory()) return { root: absolute, notebook: undefined };
  const fromHere = relative(process.cwd(), absolute);
  // A notebook below the current folder leaves the rest of the project in view.
  const isBelow = !fromHere.startsWith("..") && resolve(fromHere) === absolute;
  const root = isBelow ? process.cwd() : resolve(absolute, "..");
  return { root, notebook: relative(root, absolute).split(sep).join("/") };
}

/**
 * See to it that this JupyterLab finds kernel and extension.
 *
 * @returns a data directory for `JUPYTER_PATH`, when the ones that it searches lack something.
 */
async function prepareDataDirectory(jupyter: string): Promise<string | undefined> {
  const searched = await dataDirectoriesOf(jupyter);
  const built = await findBuiltExtension().catch((error: unknown) => {
    // Notebooks run without it too.
    if (!(error instanceof CommandError)) throw error;
    process.stderr.write(`mobula: ${error.message} JupyterLab starts without it.\n`);
    return undefined;
  });
  const hasKernel = (await findKernelIn(searched)) !== undefined;
  const hasExtension = built === undefined || (await findExtensionIn(built, searched)) !== undefined;
  if (hasKernel && hasExtension) return undefined;
  const own = ownDataDirectory();
  await installKernels(own);
  if (built !== undefined) await installExtension(built, own);
  return own;
}

function labArguments(opened: Opened, port: number | undefined, isWithoutBrowser: boolean): string[] {
  return [
    `--ServerApp.root_dir=${opened.root}`,
    ...(port === undefined ? [] : [`--ServerApp.port=${port}`, "--ServerApp.port_retries=0"]),
    ...(isWithoutBrowser ? ["--no-browser"] : []),
    // JupyterLab refuses to run as root without being told that it may, which is the usual case in a container.
    ...(process.getuid?.() === 0 ? ["--allow-root"] : []),
    ...(opened.notebook === undefined ? [] : [resolve(opened.root, opened.notebook)]),
  ];
}

function environmentWith(dataDirectory: string | undefined): NodeJS.ProcessEnv {
  if (dataDirectory === undefined) return process.env;
  const earlier = process.env["JUPYTER_PATH"];
  return { ...process.env, JUPYTER_PATH: earlier ? `${dataDirectory}${delimiter}${earlier}` : dataDirectory };
}

/** JupyterLab prints the address of its start page; this one opens the notebook. */
function addressOf(url: string, { notebook }: Opened): string {
  if (notebook === undefined) return url;
  const path = notebook.split("/").map(encodeURIComponent).join("/");
  return url.replace(/\/lab(?=$|[?/])/, `/lab/tree/${path}`);
}
