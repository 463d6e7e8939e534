/** The two kernels: how they are started, and how they say what became of a cell. */
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { ROOT } from "../../support/jupyter-home.ts";
import { MAIN } from "../../support/kernel/real-kernel.ts";
import type { Dialect, Heard, Outcome } from "./outcomes.ts";

const PEER = join(ROOT, ".setup/peers/tslab/node_modules");
export const TSLAB: string = join(PEER, "tslab/bin/tslab");

/** Names of the errors by which this kernel refuses a cell without running it. */
const REFUSALS = new Set(["TypeScriptError", "MagicError"]);

export const mobula: Dialect = {
  command: [process.execPath, MAIN, "--connection-file", "{connection_file}"],
  packages: {},
  read({ stdout, stderr, displays, value, error }: Heard): Outcome {
    const text = value === undefined ? stdout : `${stdout}${unquoted(value)}\n`;
    if (error === undefined) return { status: "ok", message: "", text, errors: stderr, displays };
    const traceback = stripVTControlCharacters(error.traceback.join("\n"));
    const isRefused = REFUSALS.has(error.ename) || (error.ename === "SyntaxError" && !/^ +at /m.test(traceback));
    const [firstLine = ""] = error.evalue.split("\n");
    if (isRefused) return { status: "refused", message: firstLine, text, errors: stderr, displays };
    const thrown = /^thrown: (.*)/.exec(firstLine)?.[1];
    const message = thrown === undefined ? `${error.ename}: ${firstLine}` : unquoted(thrown);
    return { status: "threw", message, text, errors: stderr, displays };
  },
};

export const tslab: Dialect = {
  command: [process.execPath, TSLAB, "kernel", "--config-path={connection_file}"],
  packages: { "@types/node": join(PEER, "@types/node"), "undici-types": join(PEER, "undici-types") },
  read({ stdout, stderr, displays, error }: Heard): Outcome {
    if (error === undefined) return { status: "ok", message: "", text: stdout, errors: stderr, displays };
    const refused = /^\d+:\d+ - (.*)/m.exec(stderr)?.[1];
    if (refused !== undefined) return { status: "refused", message: refused, text: stdout, errors: "", displays };
    return { status: "threw", message: thrownBy(stderr), text: stdout, errors: "", displays };
  },
};

/** tslab prints values, so a string loses its quotes; here it shows them. That is said once, not for every cell. */
function unquoted(value: string): string {
  if (!/^(['"`])[\s\S]*\1$/.test(value)) return value;
  const inside = value.slice(1, -1);
  return inside.replaceAll(/\\(.)/g, (_escape, letter: string) => (letter === "n" ? "\n" : letter));
}

/** The error's own first line, behind the frame of source that Node puts above it. */
function thrownBy(stderr: string): string {
  const words = stderr.replace(/^\S+:\d+\n[\s\S]*?\n *\^+\n\n/, "");
  const [firstLine = ""] = words.split("\n");
  return firstLine.replace(/^\[(.*)\].*$/, "$1");
}
