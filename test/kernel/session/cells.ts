/** Cells for session tests, written as the language part emits them: `const x = 1` is given as `x = 1`. */
import { join } from "node:path";
import type { CellDeclaration, CellImport, CompiledCell } from "../../../kernel/src/language/language.ts";
import type { ExecuteOutcome, InputAnswer, Session, SessionEvent } from "../../../kernel/src/session/session.ts";

export interface CellParts {
  readonly body?: string;
  /** One function declaration. */
  readonly hoisted?: string;
  /** `name` or `kind name`. */
  readonly names?: readonly string[];
  readonly imports?: readonly CellImport[];
  readonly hasResult?: boolean;
}

let version = 0;

/** A compiled cell in `directory` from the lines of a function body. */
export function makeCell(directory: string, { body = "", hoisted = "", names = [], ...rest }: CellParts): CompiledCell {
  version += 1;
  const declarations = names.map((text): CellDeclaration => {
    const [kind, name] = text.includes(" ") ? text.split(" ") : ["const", text];
    return { name: name ?? "", globalName: name ?? "", kind: kind as CellDeclaration["kind"] };
  });
  return {
    version,
    fileName: join(directory, `cell-${version}.ts`),
    source: hoisted || body,
    hoisted: hoisted && `"use strict";${/function (\w+)/.exec(hoisted)?.[1]}=\n${hoisted}`,
    body: `(async () => {\n${body}\n})`,
    imports: rest.imports ?? [],
    declarations,
    hasResult: rest.hasResult ?? /^return /m.test(body),
  };
}

/** `import { a, b } from specifier`. */
export function named(specifier: string, ...names: readonly string[]): CellImport {
  return { specifier, line: 0, bindings: names.map((name) => ({ imported: name, local: name })) };
}

/** A session that remembers what it said. */
export class Recorder {
  readonly events: SessionEvent[] = [];
  readonly session: Session;
  readonly directory: string;
  /** What the user types when a cell asks; without it cells may not ask. */
  onInput: ((prompt: string, isPassword: boolean) => InputAnswer | undefined) | undefined;
  #count = 0;

  constructor(session: Session, directory: string) {
    this.session = session;
    this.directory = directory;
    session.onEvent((event) => {
      this.events.push(event);
      if (event.type !== "input-requested") return;
      const answer = this.onInput?.(event.prompt, event.isPassword);
      if (answer) session.answerInput(event.id, answer);
    });
  }

  /** Run a cell made of `parts`; a string is its body. */
  run(parts: CellParts | string): Promise<ExecuteOutcome> {
    return this.runCell(makeCell(this.directory, typeof parts === "string" ? { body: parts } : parts));
  }

  runCell(cell: CompiledCell, userExpressions?: Readonly<Record<string, CompiledCell>>): Promise<ExecuteOutcome> {
    this.#count += 1;
    const execution = { messageId: `message-${this.#count}`, executionCount: this.#count };
    const expressions = userExpressions === undefined ? {} : { userExpressions };
    return this.session.execute({ execution, cell, allowStdin: this.onInput !== undefined, ...expressions });
  }

  /** The text/plain of what `expression` is. */
  async value(expression: string): Promise<unknown> {
    const outcome = await this.run(`return ${expression}`);
    if (outcome.status === "error") throw new Error(`${outcome.error.ename}: ${outcome.error.evalue}`);
    return outcome.result?.data["text/plain"];
  }

  /** What was printed, by the count of the cell it belongs to. */
  printed(name: "stdout" | "stderr" = "stdout"): Record<string, string> {
    const texts: Record<string, string> = {};
    for (const event of this.events) {
      if (event.type !== "stream" || event.name !== name) continue;
      const key = String(event.execution?.executionCount ?? "none");
      texts[key] = (texts[key] ?? "") + event.text;
    }
    return texts;
  }
}

export function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

/** Poll until `condition` holds. */
export async function until(condition: () => boolean | Promise<boolean>, timeoutMs = 5000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not true within ${timeoutMs} ms: ${condition.toString()}`);
    await sleep(20);
  }
}
