// One run of one kernel: prints {"row": {"value", "result"}} as JSON. What a kernel cannot do has no row.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { startKernel } from "../../../kernel/dist/client/index.js";
import { residentMegabytes } from "../lib/process-tree.mjs";
import { median } from "../lib/report.mjs";
import { kernelOf } from "./kernels.mjs";

/** An answer that takes longer is none. */
const PATIENCE_MS = 10_000;
const CELLS = 20;
const LONG_NOTEBOOK = 300;
const ASKED = 15;
const SPIN_MS = 3_000;
/** Between the first cell and the others, as a person takes who reads its result; a kernel may use it. */
const READING_MS = 1_000;
const PRINTED = 10_000_000;

const { command, unchecked, cells, interrupts } = kernelOf(process.argv[2]);
const directory = mkdtempSync(join(tmpdir(), "kernel-bench-"));
const rows = {};
try {
  await measureCells();
  await measureUnchecked();
  await measureBusy();
  await measureOutput();
} finally {
  rmSync(directory, { recursive: true, force: true });
}
console.log(JSON.stringify(rows));

/** With a kernel of its own, whatever becomes of it. */
async function withKernel(argv, work) {
  const started = performance.now();
  const kernel = await startKernel({ command: argv, directory, transport: "tcp" });
  try {
    return await work(kernel, performance.now() - started);
  } finally {
    await kernel.kill();
  }
}

async function timed(work) {
  const start = performance.now();
  const result = await work();
  return { ms: performance.now() - start, result };
}

/** The plain text of a cell's value. */
async function valueOf(client, code) {
  let text;
  const { status, error } = await client.execute(code, {
    onMessage: ({ header, content }) => {
      if (header.msg_type === "execute_result") text = plain(content.data["text/plain"]);
      // tslab prints values.
      if (header.msg_type === "stream") text = plain(content.text);
    },
  });
  if (status !== "ok") throw new Error(`${code}\nfailed: ${error?.ename}: ${error?.evalue}`);
  return text;
}

/** Kernels colour what they show. */
function plain(text) {
  return text === undefined ? undefined : stripVTControlCharacters(text).trim();
}

async function manyCells(client, first, count) {
  const times = [];
  let result;
  for (let n = first; n < first + count; n++) {
    const cell = await timed(() => valueOf(client, cells.typed(n)));
    times.push(cell.ms);
    result = cell.result;
  }
  return { value: median(times), result };
}

async function measureCells() {
  await withKernel(command, async ({ client, pid }, readyMs) => {
    rows.ready = { value: readyMs, result: null };
    const first = await timed(() => valueOf(client, cells.first));
    rows["first-cell"] = { value: first.ms, result: first.result };
    await pause(READING_MS);
    rows["typed-cell"] = await manyCells(client, 0, CELLS);
    rows.memory = { value: residentMegabytes(pid), result: null };
    await valueOf(client, cells.define);
    rows.completion = await completion(client, ASKED);
    const hovers = [];
    let known = false;
    for (let index = 0; index < ASKED; index++) {
      const { ms, result } = await timed(() => client.inspect(cells.inspect));
      hovers.push(ms);
      known = result.found && plain(result.data["text/plain"]).includes(cells.known);
    }
    if (known) rows.hover = { value: median(hovers), result: true };
    for (let n = CELLS; n < LONG_NOTEBOOK; n++) await valueOf(client, cells.typed(n));
    rows["typed-cell-300"] = await manyCells(client, LONG_NOTEBOOK, CELLS);
  });
}

async function completion(client, count) {
  const times = [];
  let matches = [];
  for (let index = 0; index < count; index++) {
    const { ms, result } = await timed(() => client.complete(cells.complete));
    times.push(ms);
    matches = result.matches;
  }
  const isThere = matches.some((match) => match === cells.completed || match.endsWith(`.${cells.completed}`));
  return { value: median(times), result: isThere };
}

async function measureUnchecked() {
  await withKernel(unchecked, async ({ client }) => {
    // What tslab's JavaScript kernel runs has no types.
    const code = (n) => `${process.argv[2] === "ipykernel" ? "" : "const "}u${n} = ${n}\nu${n} - ${n} + 2`;
    const times = [];
    let result;
    await valueOf(client, code(0));
    await pause(READING_MS);
    for (let n = 1; n < CELLS; n++) {
      const cell = await timed(() => valueOf(client, code(n)));
      times.push(cell.ms);
      result = cell.result;
    }
    rows["unchecked-cell"] = { value: median(times), result };
  });
}

async function measureBusy() {
  await withKernel(command, async (kernel) => {
    const { client } = kernel;
    await valueOf(client, cells.define);
    await client.complete(cells.complete);
    const spinning = client.execute(cells.spin(SPIN_MS));
    await pause(300);
    rows["completion-busy"] = await completion(client, 1);
    await spinning;
    const running = client.execute(cells.forever).catch(() => undefined);
    await pause(300);
    const start = performance.now();
    if (interrupts === "message") client.interrupt().catch(() => {});
    else process.kill(kernel.pid, "SIGINT");
    const reply = await Promise.race([running, pause(PATIENCE_MS)]);
    if (reply?.status !== "error") return;
    const value = performance.now() - start;
    // It counts only when the kernel goes on.
    const next = await Promise.race([valueOf(client, cells.after).catch(() => undefined), pause(PATIENCE_MS)]);
    if (next !== undefined) rows.interrupt = { value, result: next };
  });
}

async function measureOutput() {
  await withKernel(command, async ({ client }) => {
    await valueOf(client, cells.define);
    let characters = 0;
    const { ms } = await timed(() =>
      client.execute(cells.print, {
        onMessage: ({ header, content }) => {
          if (header.msg_type === "stream") characters += content.text.length;
        },
      }),
    );
    // Deno's kernel loses most of it.
    if (characters === PRINTED) rows["stdout-10MB"] = { value: ms, result: characters };
  });
}

function pause(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms, undefined);
  });
}
