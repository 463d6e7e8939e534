import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CodeCell, type Notebook, parseNotebook } from "../../../runtime/src/jobs/notebook.ts";
import { readNotebook } from "../../../runtime/src/jobs/notebook-file.ts";
import {
  type CellReply,
  type CellRequest,
  type NotebookKernel,
  type RunOptions,
  type RunReporter,
  runNotebook,
} from "../../../runtime/src/jobs/run-notebook.ts";

let folder: string;
let output: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "mobula-run-"));
  output = join(folder, "out.ipynb");
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const DATE = "2026-01-02T03:04:05.678Z";

/** Runs "code" of a few words: `print X`, `fail X`, `die`, `hang`, `late X` (printed when the next cell runs). */
class ScriptedKernel implements NotebookKernel {
  readonly languageInfo = { name: "typescript" };
  readonly requests: CellRequest[] = [];
  isClosed = false;
  #late: (() => void)[] = [];
  #interrupt: (() => void) | undefined;

  execute(request: CellRequest): Promise<CellReply> {
    this.requests.push(request);
    const count = this.requests.length;
    const [verb, text = ""] = request.code.split(" ");
    const publish = (type: string, content: Record<string, unknown>) =>
      request.onMessage({ type, content, date: DATE });
    const reply = (content: Record<string, unknown>) => {
      publish("status", { execution_state: "idle" });
      return { content: { execution_count: count, ...content }, metadata: { started: DATE }, date: DATE };
    };
    publish("status", { execution_state: "busy" });
    publish("execute_input", { execution_count: count });
    for (const print of this.#late.splice(0)) print();
    const fail = (ename: string) => {
      publish("error", { ename, evalue: "bad", traceback: ["trace"] });
      return reply({ status: "error", ename, evalue: "bad", traceback: ["trace"] });
    };
    if (verb === "print") publish("stream", { name: "stdout", text });
    if (verb === "late") this.#late.push(() => publish("stream", { name: "stdout", text }));
    if (verb === "die") return Promise.reject(new Error("The kernel ended by SIGKILL."));
    if (verb === "fail") return Promise.resolve(fail(text));
    if (verb === "hang") return new Promise((resolve) => (this.#interrupt = () => resolve(fail("Interrupted"))));
    return Promise.resolve(reply({ status: "ok" }));
  }

  async interrupt(): Promise<void> {
    this.#interrupt?.();
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

class QuietReporter implements RunReporter {
  readonly heard: string[] = [];
  onStart: (position: number) => void = () => {};

  cellStarted(cell: CodeCell, position: number, total: number): void {
    this.heard.push(`${position}/${total} ${cell.source}`);
    this.onStart(position);
  }
  messageArrived(): void {}
  cellFinished(_cell: CodeCell, { status }: { status: string }): void {
    this.heard.push(status);
  }
  saveFailed(error: unknown): void {
    this.heard.push(String(error));
  }
}

function notebookOf(...sources: (string | { source: string; tags?: string[]; type?: string })[]): Notebook {
  const cells = sources.map((each, index) => {
    const { source, tags = [], type = "code" } = typeof each === "string" ? { source: each } : each;
    const code =
      type === "code" ? { outputs: [{ output_type: "stream", name: "stdout", text: "old" }], execution_count: 9 } : {};
    return { cell_type: type, id: `c${index}`, metadata: { tags }, source, ...code };
  });
  return parseNotebook(JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells }), "nb");
}

async function run(notebook: Notebook, options: Partial<RunOptions> = {}) {
  const kernel = new ScriptedKernel();
  const reporter = new QuietReporter();
  const outcome = await runNotebook({
    notebook,
    facts: { inputPath: "in.ipynb", outputPath: output, parameters: {}, runner: "test" },
    startKernel: async () => kernel,
    reporter,
    stop: new AbortController().signal,
    ...options,
  });
  const saved = await readNotebook(output);
  const statuses = saved.cells.map(
    ({ metadata }) => (metadata["papermill"] as { status?: string } | undefined)?.status,
  );
  return { outcome, kernel, reporter, saved, statuses };
}

function refuseToStart(): Promise<never> {
  return Promise.reject(new Error("no such program"));
}

function texts(notebook: Notebook): unknown[] {
  return notebook.cells.map((cell) =>
    cell.cell_type === "code" ? cell.outputs.map((each) => each["text"] ?? each["ename"]) : cell.cell_type,
  );
}

describe("a run", () => {
  test("executes code cells in order and saves what they show", async () => {
    const { outcome, kernel, reporter, saved, statuses } = await run(
      notebookOf(
        { source: "# T", type: "markdown" },
        "print a",
        "  \n",
        { source: "print no", tags: ["skip-execution"] },
        "print b",
      ),
    );
    expect(outcome).toEqual({ status: "completed" });
    expect(kernel.requests.map(({ code, cellId, stopOnError }) => [code, cellId, stopOnError])).toEqual([
      ["print a", "c1", true],
      ["print b", "c4", true],
    ]);
    expect(texts(saved)).toEqual(["markdown", ["a"], [], [], ["b"]]);
    expect(saved.cells.map((cell) => cell["execution_count"])).toEqual([undefined, 1, null, null, 2]);
    expect(statuses).toEqual(Array.from({ length: 5 }, () => "completed"));
    expect(reporter.heard).toEqual(["1/2 print a", "ok", "2/2 print b", "ok"]);
    expect(kernel.isClosed).toBe(true);
  });

  test("records what papermill and JupyterLab record", async () => {
    const { saved } = await run(notebookOf("print a"));
    expect(saved.metadata).toMatchObject({
      language_info: { name: "typescript" },
      papermill: {
        version: "test",
        input_path: "in.ipynb",
        output_path: output,
        parameters: {},
        duration: expect.any(Number),
        exception: null,
      },
    });
    expect(saved.cells[0]?.metadata).toMatchObject({
      papermill: {
        status: "completed",
        exception: false,
        duration: expect.any(Number),
        start_time: expect.any(String),
      },
      execution: {
        "iopub.status.busy": DATE,
        "iopub.execute_input": DATE,
        "shell.execute_reply.started": DATE,
        "shell.execute_reply": DATE,
        "iopub.status.idle": DATE,
      },
    });
  });

  test("puts what a cell prints after its end under that cell", async () => {
    const { saved } = await run(notebookOf("late a", "print b"));
    expect(texts(saved)).toEqual([["a"], ["b"]]);
  });

  test("of an empty notebook is done at once", async () => {
    expect((await run(notebookOf())).outcome).toEqual({ status: "completed" });
  });
});

describe("a cell that fails", () => {
  test("ends the run, with a banner that leads to it and no old outputs behind it", async () => {
    const { outcome, kernel, saved, statuses } = await run(notebookOf("print a", "fail TypeError", "print c"));
    expect(outcome).toMatchObject({ status: "failed", error: { ename: "TypeError", traceback: ["trace"] } });
    expect(kernel.requests).toHaveLength(2);
    expect(texts(saved)).toEqual(["markdown", ["a"], "markdown", ["TypeError"], []]);
    expect(saved.cells[0]?.source).toContain('<a href="#papermill-error-cell">In [2]</a>');
    expect(saved.cells[2]?.source).toContain('id="papermill-error-cell"');
    expect(statuses).toEqual([undefined, "completed", undefined, "failed", "pending"]);
    expect(saved.metadata["papermill"]).toMatchObject({ exception: true });
    expect(kernel.isClosed).toBe(true);
  });

  test("leaves no banner once the notebook runs again", async () => {
    const { saved } = await run(notebookOf("fail E"));
    const again = await run(
      Object.assign(saved, {
        cells: saved.cells.map((cell) => ({ ...cell, source: cell.source.replace("fail E", "print x") })),
      }),
    );
    expect(texts(again.saved)).toEqual([["x"]]);
  });

  test("and may fail does not end the run", async () => {
    const { outcome, kernel, reporter } = await run(
      notebookOf({ source: "fail E", tags: ["raises-exception"] }, "print b"),
    );
    expect(outcome).toEqual({ status: "completed" });
    expect(kernel.requests[0]?.stopOnError).toBe(false);
    expect(reporter.heard).toContain("error-allowed");
  });
});

describe("a run that is stopped", () => {
  test("interrupts the cell and keeps what was done", async () => {
    const controller = new AbortController();
    const reporter = new QuietReporter();
    reporter.onStart = (position) => {
      if (position === 2) setTimeout(() => controller.abort("interrupted"), 20);
    };
    const { outcome, saved, statuses, kernel } = await run(notebookOf("print a", "hang", "print c"), {
      stop: controller.signal,
      reporter,
    });
    expect(outcome).toMatchObject({ status: "stopped", reason: "interrupted" });
    expect(texts(saved)).toEqual([["a"], ["Interrupted"], []]);
    expect(statuses).toEqual(["completed", "failed", "pending"]);
    expect(kernel.isClosed).toBe(true);
  });

  test.each([
    ["cell-timeout", { cellTimeoutMs: 30 }],
    ["notebook-timeout", { timeoutMs: 30 }],
  ])("by a %s", async (reason, limits) => {
    expect((await run(notebookOf("hang"), limits)).outcome).toMatchObject({ status: "stopped", reason });
  });

  test("before its first cell runs none", async () => {
    const { outcome, kernel } = await run(notebookOf("print a"), { stop: AbortSignal.abort("interrupted") });
    expect(outcome).toEqual({ status: "stopped", reason: "interrupted" });
    expect(kernel.requests).toEqual([]);
  });
});

describe("a kernel that is gone", () => {
  test("ends the run with its reason, and the notebook holds what came before", async () => {
    const { outcome, saved, statuses } = await run(notebookOf("print a", "die", "print c"));
    expect(outcome).toMatchObject({ status: "kernel-died", reason: "The kernel ended by SIGKILL." });
    expect(texts(saved)).toEqual([["a"], [], []]);
    expect(statuses).toEqual(["completed", "failed", "pending"]);
  });

  test("from the start is a kernel that died", async () => {
    expect((await run(notebookOf("print a"), { startKernel: refuseToStart })).outcome).toEqual({
      status: "kernel-died",
      reason: "no such program",
    });
  });
});

test("a run whose notebook cannot be saved starts no kernel", async () => {
  const facts = { inputPath: "in", outputPath: join(folder, "missing", "out.ipynb"), parameters: {}, runner: "test" };
  await expect(run(notebookOf("print a"), { startKernel: refuseToStart, facts })).rejects.toThrow(
    /^Cannot write '.*out.ipynb'/,
  );
});
