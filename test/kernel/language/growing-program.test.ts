import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ts from "typescript";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { compilerOptionsFor } from "../../../kernel/src/language/compiler-options.ts";
import { GrowingProgram } from "../../../kernel/src/language/growing-program.ts";
import { LanguageHost } from "../../../kernel/src/language/language-host.ts";
import { Notebook } from "./notebook.ts";

const KERNEL_ROOT = join(import.meta.dirname, "../../../kernel");

describe("a program that grows", () => {
  let directory: string;
  let host: LanguageHost;
  let service: ts.LanguageService;
  let growing: GrowingProgram | undefined;
  let lastCell = 0;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "notebook-growing-"));
    const compilerOptions = compilerOptionsFor(directory);
    host = new LanguageHost({ directory, kernelRoot: KERNEL_ROOT, compilerOptions });
    service = ts.createLanguageService(host, ts.createDocumentRegistry());
  });
  afterEach(() => growing?.release());
  afterAll(() => {
    service.dispose();
    rmSync(directory, { recursive: true, force: true });
  });

  function cell(text: string, extension = "ts"): string {
    lastCell += 1;
    const fileName = join(directory, `.cell-${lastCell}.${extension}`);
    host.setModule(fileName, text);
    return fileName;
  }
  /** The program of these modules, ready to grow. */
  function grow(...roots: string[]): GrowingProgram {
    host.setRoots(roots);
    const program = service.getProgram();
    if (!program) throw new Error("no program");
    growing = new GrowingProgram(program, host);
    return growing;
  }
  function errors(fileName: string): string[] {
    return service
      .getSemanticDiagnostics(fileName)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
  }

  test("checks a module and what it imports without becoming another program", () => {
    const program = grow();
    const before = service.getProgram();
    const checker = before?.getTypeChecker();
    const first = cell("interface P { x: number }\nconst p: P = { x: 1 };\nexport { P, p };");
    const second = cell(`import { p } from "./.cell-${lastCell}.ts";\nconst s: string = p.x;\nexport { s };`);
    expect(program.join(second)).toBe(true);
    expect(errors(second)).toEqual(["Type 'number' is not assignable to type 'string'."]);
    expect(errors(first)).toEqual([]);
    expect(service.getProgram()).toBe(before);
    expect(service.getProgram()?.getTypeChecker()).toBe(checker);
  });

  test("answers about a module that joined", () => {
    const module = cell("const words = ['a'];\nexport { words };");
    expect(grow().join(module)).toBe(true);
    expect(ts.displayPartsToString(service.getQuickInfoAtPosition(module, 7)?.displayParts)).toBe(
      "const words: string[]",
    );
  });

  test("knows dynamic imports, type imports and Node's modules", () => {
    const program = grow();
    const target = cell("const n = 1;\nexport { n };");
    const from = `./.cell-${lastCell}.ts`;
    const module = cell(
      `import { join } from "node:path";\nconst a: string = (await import("${from}")).n;\nconst b: typeof import("${from}").n = "x";\njoin(1);\nexport { a, b };`,
    );
    expect(program.join(module)).toBe(true);
    expect(errors(target)).toEqual([]);
    expect(errors(module)).toEqual([
      "Type 'number' is not assignable to type 'string'.",
      "Type '\"x\"' is not assignable to type '1'.",
      "Argument of type 'number' is not assignable to parameter of type 'string'.",
    ]);
  });

  test("takes no module with files of its own, JSX or changes for others", () => {
    const program = grow();
    writeFileSync(join(directory, "helper.ts"), "export const helper = 1;");
    expect(program.join(cell('import { helper } from "./helper.ts";\nexport { helper };'))).toBe(false);
    expect(program.join(cell("export const a = <b/>;", "tsx"))).toBe(false);
    expect(program.join(cell("declare global { interface Array<T> { mine: T } }\nexport {};"))).toBe(false);
    expect(program.join(cell('/// <reference types="node" />\nexport {};'))).toBe(false);
    expect(program.join(join(directory, ".cell-0.ts"))).toBe(false);
  });

  test("takes no second text for one module, nor for one that it imports", () => {
    const program = grow();
    const first = cell("export const a = 1;");
    const importer = cell(`import { a } from "./.cell-${lastCell}.ts";\nexport const b = a;`);
    expect(program.join(importer)).toBe(true);
    host.setModule(first, "export const a = 'x';");
    expect(program.join(first)).toBe(false);
    expect(program.join(importer)).toBe(false);
  });

  test("takes nothing more once a file of the user has changed", () => {
    const helper = join(directory, "changing.ts");
    writeFileSync(helper, "export const helper = 1;");
    const program = grow(cell('import { helper } from "./changing.ts";\nexport { helper };'));
    expect(program.join(cell('import { helper } from "./changing.ts";\nexport const a = helper;'))).toBe(true);
    writeFileSync(helper, "export const helper = 'text';");
    utimesSync(helper, new Date(), new Date(Date.now() + 5000));
    expect(program.join(cell("export const b = 1;"))).toBe(false);
  });

  test("with changes for others takes only modules that want them", () => {
    const augmenting = cell("declare global { interface Array<T> { mine: T } }\nexport {};");
    const specifier = `./.cell-${lastCell}.ts`;
    const program = grow(augmenting);
    expect(program.join(cell("export const a = [1].mine;"))).toBe(false);
    const wanting = cell(`import "${specifier}";\nexport const a: string = [1].mine;`);
    expect(program.join(wanting)).toBe(true);
    expect(errors(wanting)).toEqual(["Type 'number' is not assignable to type 'string'."]);
  });

  test("is given back as it was, and the next one holds what is asked for", () => {
    const module = cell("export const a = 1;");
    const program = grow();
    const files = service.getProgram()?.getSourceFiles().length;
    expect(program.join(module)).toBe(true);
    expect(service.getProgram()?.getSourceFile(module)).toBeDefined();
    program.release();
    expect(service.getProgram()?.getSourceFile(module)).toBeUndefined();
    expect(service.getProgram()?.getSourceFiles().length).toBe(files);
    grow(module);
    expect(errors(module)).toEqual([]);
  });

  test("grows to a limit", () => {
    const program = grow();
    let count = 0;
    while (count < 1000 && program.join(cell(`export const a = ${count};`))) count += 1;
    expect(count).toBe(250);
  });
});

describe("a notebook on growing programs", () => {
  test("says of every cell what a notebook says that begins with it", () => {
    const cells = [
      "const a = [1, 2]",
      "const b: string = a",
      "import { join } from 'node:path'; const p = join('a', 1)",
      "declare global { interface Array<T> { mine: T } }",
      "const c: string = [1].mine",
      "import ts from 'typescript'; const kind: string = ts.SyntaxKind.Unknown",
      "class A { x = 1 }; const old = new A()",
      "class A { y = 1 }; old.y",
      "old.x.toFixed(a)",
      "const f = <T,>(x: T) => x; f<string>(old.x)",
      "ts.nothing",
      "type T = typeof import('node:path').join; const t: T = 1",
      "missing",
    ];
    using lasting = new Notebook();
    for (const [index, code] of cells.entries()) {
      using fresh = new Notebook();
      for (const earlier of cells.slice(0, index)) fresh.run(earlier, { check: "off" });
      expect(lasting.compile(code, { check: "warn" }).diagnostics).toEqual(
        fresh.compile(code, { check: "warn" }).diagnostics,
      );
      lasting.run(code, { check: "off" });
    }
  });
});
