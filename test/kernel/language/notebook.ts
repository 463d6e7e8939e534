import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { CheckLevel, CompiledCell, CompileReply } from "../../../kernel/src/language/language.ts";
import { NotebookLanguage } from "../../../kernel/src/language/notebook-language.ts";

/** A notebook in a directory of its own, seen from the language service: cells are compiled and committed, not run. */
export class Notebook implements Disposable {
  readonly directory: string;
  readonly language: NotebookLanguage;

  /** @param files - contents by path, relative to the notebook's directory. */
  constructor(files: Readonly<Record<string, string>> = {}, directory?: string) {
    this.directory = directory ?? mkdtempSync(join(tmpdir(), "mobula-notebook-"));
    for (const [path, text] of Object.entries(files)) this.write(path, text);
    this.language = new NotebookLanguage({ directory: this.directory });
  }

  /** A notebook in a directory that somebody else made. */
  static at(directory: string): Notebook {
    return new Notebook({}, directory);
  }

  write(path: string, text: string): void {
    const file = join(this.directory, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  compile(code: string, options: { cellId?: string; check?: CheckLevel } = {}): CompileReply {
    return this.language.compile({ code, check: "error", ...options });
  }

  /** The cell ran to its end, or as far as `assigned` says. */
  run(code: string, options: { cellId?: string; check?: CheckLevel; assigned?: readonly string[] } = {}): CompiledCell {
    const { assigned, ...request } = options;
    const { cell, diagnostics } = this.compile(code, request);
    if (!cell) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
    this.language.commit(cell.version, assigned ?? cell.declarations.map(({ name }) => name));
    return cell;
  }

  /** Messages of the errors that keep a cell from running. */
  errors(code: string, cellId?: string): string[] {
    const { cell, diagnostics } = this.compile(code, cellId === undefined ? {} : { cellId });
    const errors = diagnostics.filter(({ category }) => category === "error");
    if (cell !== undefined && errors.length > 0) throw new Error("A cell with errors was compiled");
    return errors.map(({ message }) => message);
  }

  /** The type of an expression, as TypeScript prints it. */
  typeOf(expression: string): string {
    const code = `const theTypeOf = ${expression}`;
    const hover = this.language.inspect({ code, offset: "const theT".length });
    return hover?.text.replace(/^const theTypeOf: /, "") ?? "nothing";
  }

  [Symbol.dispose](): void {
    this.language.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
