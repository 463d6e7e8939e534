/** The answer to `kernel_info_request`. Front ends want it within 3 s of the start, so nothing here is loaded late. */
import { createRequire } from "node:module";
import { type KernelInfoReplyContent, PROTOCOL_VERSION } from "../protocol/messages.ts";

// Reads two small JSON files; the compiler itself stays unloaded.
const require = createRequire(import.meta.url);

export const IMPLEMENTATION = "mobula";

/** What the cells of a notebook are written in. The kernel is the same; `javascript` is for those who want no type checks. */
export type NotebookLanguageName = "typescript" | "javascript";

export const kernelInfo: Readonly<Record<NotebookLanguageName, KernelInfoReplyContent>> = describeKernels();

function describeKernels(): Record<NotebookLanguageName, KernelInfoReplyContent> {
  const inTypeScript = describeKernel();
  const languageInfo = {
    ...inTypeScript.language_info,
    name: "javascript",
    version: process.versions.node,
    mimetype: "text/javascript",
    codemirror_mode: "javascript",
    file_extension: ".js",
    pygments_lexer: "javascript",
  };
  const banner = inTypeScript.banner.replace(/TypeScript \S+/, "JavaScript");
  return { typescript: inTypeScript, javascript: { ...inTypeScript, banner, language_info: languageInfo } };
}

function describeKernel(): KernelInfoReplyContent {
  const own = readVersion("../../package.json");
  const typescript = readVersion("typescript/package.json");
  return {
    status: "ok",
    protocol_version: PROTOCOL_VERSION,
    implementation: IMPLEMENTATION,
    implementation_version: own,
    language_info: {
      name: "typescript",
      version: typescript,
      // The name and the type under which JupyterLab's editor lists TypeScript; with "javascript" it would mark types red.
      mimetype: "application/typescript",
      codemirror_mode: "typescript",
      file_extension: ".ts",
      pygments_lexer: "typescript",
      nbconvert_exporter: "script",
    },
    banner: `Mobula ${own}: TypeScript ${typescript} on Node.js ${process.versions.node}`,
    debugger: true,
    help_links: [
      { text: "TypeScript", url: "https://www.typescriptlang.org/docs/" },
      { text: "Node.js", url: "https://nodejs.org/docs/latest/api/" },
    ],
    supported_features: ["debugger", "kernel subshells"],
  };
}

function readVersion(specifier: string): string {
  return (require(specifier) as { version: string }).version;
}
