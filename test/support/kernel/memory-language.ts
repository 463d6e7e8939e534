import type { CompileReply, CompleteRequest, InspectRequest, Language } from "../../../kernel/src/language/language.ts";
import type {
  Completion,
  HoverText,
  LiveDiagnostic,
  NamePlaces,
  Renaming,
} from "../../../kernel/src/protocol/language-comm.ts";

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
  hover: HoverText | undefined;
  namePlaces: NamePlaces | undefined;
  isClosed = false;
  private version = 0;

  async compile(request: CompileRequest): Promise<CompileReply> {
    this.log.push(["compile", request]);
    return await this.onCompile(request, ++this.version);
  }

  lend(version: number): void {
    this.log.push(["lend", version]);
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

  complete(request: CompleteRequest): Promise<Completion> {
    this.log.push(["complete", request]);
    return Promise.resolve(this.completion);
  }

  inspect(request: InspectRequest): Promise<HoverText | undefined> {
    this.log.push(["inspect", request]);
    return Promise.resolve(this.hover);
  }

  places(request: Parameters<Language["places"]>[0]): Promise<NamePlaces | undefined> {
    this.log.push(["places", request]);
    return Promise.resolve(this.namePlaces);
  }

  rename(request: Parameters<Language["rename"]>[0]): Promise<Renaming> {
    this.log.push(["rename", request]);
    return Promise.resolve({ problem: "no names here" });
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
