import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "..");

/** Which folders of a package may import which, by what stands in an import line. */
const ARROWS: { from: string; mayImport: readonly string[]; why: string }[] = [
  { from: "kernel/src", mayImport: ["kernel/src"], why: "the kernel knows no cluster" },
  {
    from: "kernel/src/core",
    mayImport: [
      "kernel/src/core",
      "kernel/src/debug",
      "kernel/src/protocol",
      "kernel/src/traceback",
      "kernel/src/language/language.ts",
      "kernel/src/session/session.ts",
      "kernel/src/transport/transport.ts",
      "kernel/src/transport/comm-endpoint.ts",
    ],
    why: "the kernel's logic runs without sockets, TypeScript or processes",
  },
  { from: "kernel/src/debug", mayImport: ["kernel/src/debug"], why: "the debugger's logic is pure" },
  {
    from: "runtime/src/core",
    mayImport: ["runtime/src/core", "runtime/src/protocol"],
    why: "the scheduler's logic is pure",
  },
  {
    from: "runtime/src/protocol",
    mayImport: ["runtime/src/protocol", "runtime/src/errors.ts", "runtime/src/closure", "runtime/src/engine/engine.ts"],
    why: "the wire knows no process; what it tells an engine on another machine has the types of the engine's interface",
  },
  {
    from: "runtime/src/closure",
    mayImport: ["runtime/src/closure", "runtime/src/protocol", "runtime/src/errors.ts", "runtime/src/notebook/host.ts"],
    why: "closures know no engine",
  },
  {
    from: "extensions/jupyterlab/src",
    mayImport: ["extensions/jupyterlab/src", "runtime/src/protocol/cluster-view.ts"],
    why: "the extension knows the view's messages only",
  },
];

/** Modules through which a folder would touch the outside world. */
const OUTSIDE = /^(node:)?(fs|net|http|child_process|worker_threads|dgram)(\/|$)|^(zeromq|typescript|koffi)$/;
const CLOCK_OR_CHANCE = /\b(Date\.now|Math\.random|setTimeout|setInterval|performance\.now)\(/;

test.each(ARROWS)("$from imports only what it may: $why", ({ from, mayImport }) => {
  const wrong = importsOf(from)
    .filter(({ target }) => target !== undefined && !mayImport.some((place) => isWithin(target, place)))
    .map(({ file, specifier }) => `${file}: ${specifier}`);
  expect(wrong).toEqual([]);
});

test.each(["kernel/src/core", "kernel/src/debug", "runtime/src/core"])(
  "%s opens no file, socket, process or compiler",
  (folder) => {
    expect(importsOf(folder).filter(({ specifier }) => OUTSIDE.test(specifier))).toEqual([]);
  },
);

test("the scheduler's logic reads no clock and no chance: time arrives inside events", () => {
  const text = (file: string): string => withoutComments(readFileSync(join(ROOT, file), "utf8"));
  expect(filesOf("runtime/src/core").filter((file) => CLOCK_OR_CHANCE.test(text(file)))).toEqual([]);
});

test("kernel and runtime meet in no import but the notebook runner's client, and how npm is run", () => {
  const meeting = importsOf("runtime/src").filter(({ specifier }) => specifier.startsWith("@mobula/kernel"));
  const outside = meeting.filter(
    ({ file, specifier }) => !/^runtime\/src\/(jobs|cli)\//.test(file) && specifier !== "@mobula/kernel/npm",
  );
  const backwards = importsOf("kernel/src").filter(({ specifier }) => /^mobula(\/|$)/.test(specifier));
  expect({ outside, backwards }).toEqual({ outside: [], backwards: [] });
});

function importsOf(folder: string): { file: string; specifier: string; target?: string }[] {
  return filesOf(folder).flatMap((file) => {
    const text = withoutComments(readFileSync(join(ROOT, file), "utf8"));
    const specifiers = [
      ...text.matchAll(/^(?:import|export)\s[^;]*?from\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\("([^"]+)"\)/gm),
    ].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
    return specifiers.map((specifier) =>
      specifier.startsWith(".")
        ? {
            file,
            specifier,
            target: relative(ROOT, resolve(ROOT, dirname(file), specifier))
              .split(sep)
              .join("/"),
          }
        : { file, specifier },
    );
  });
}

function filesOf(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => join(folder, name).split(sep).join("/"))
    .sort();
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "");
}

function isWithin(path: string, place: string): boolean {
  return path === place || path.startsWith(`${place}/`);
}
