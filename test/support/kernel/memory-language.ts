import type { CompileReply, Completion, Hover, Language } from "../../../kernel/src/language/language.ts";
import type { LiveDiagnostic } from "../../../kernel/src/protocol/language-comm.ts";

type CompileRequest = Parameters<Language["compile"]>[0];

/** A language that accepts every cell; a test replaces what it needs to. Calls are kept in `log`. */
export class MemoryLanguage implements Language {
  readonly log: unknown[] = [];
  onCompile: (request: CompileRequest, version: number) => CompileReply | Promise<CompileReply> = (
    request,
    version,
  ) => ({
    cell: compiledCell(request.code, version),
    diagnostics: [],
  });
  completion: Completion = { start: 0, end: 0, items: [] };
  liveDiagnostics: readonly LiveDiagnostic[] = [];
  hover: Hover | undefined;
  isClosed = false;
  private version = 0;

  async compile(request: CompileRequest): Promise<CompileReply> {
    this.log.push(["compile", request]);
    return await this.onCompile(request, ++this.version);
  }

  commit(version: number, assigned: readonly string[]): void {
    this.log.push(["commit", version, assigned]);
  }

  forget(cellIds: readonly string[]): Promise<readonly string[]> {
    this.log.push(["forget", cellIds]);
    return Promise.resolve(cellIds.map((id) => `nameOf_${id}`));
  }

  diagnose(request: Parameters<Language["diagnose"]>[0]): Promise<readonly LiveDiagnostic[]> {
    this.log.push(["diagnose", request]);
    return Promise.resolve(this.liveDiagnostics);
  }

  complete(request: { code: string; offset: number }): Promise<Completion> {
    this.log.push(["complete", request]);
    return Promise.resolve(this.completion);
  }

  inspect(request: { code: string; offset: number }): Promise<Hover | undefined> {
    this.log.push(["inspect", request]);
    return Promise.resolve(this.hover);
  }

  isComplete(code: string): ReturnType<Language["isComplete"]> {
    const isOpen = code.trimEnd().endsWith("{");
    return Promise.resolve(isOpen ? { status: "incomplete", indent: "  " } : { status: "complete" });
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }
}

export function compiledCell(code: string, version: number): NonNullable<CompileReply["cell"]> {
  return {
    version,
    fileName: `/notebook/cell-${version}.ts`,
    source: code,
    hoisted: "",
    body: `async () => {\n${code}\n}`,
    imports: [],
    declarations: [],
    hasResult: false,
  };
}
