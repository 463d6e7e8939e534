import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { ExecuteOutcome } from "../../../kernel/src/session/session.ts";
import { KernelWorld, kinds } from "../../support/kernel/kernel-world.ts";

type Step =
  | { type: "cell"; code: "ok" | "fails" | "hangs" | "crashes"; stopOnError: boolean; silent: boolean; shell: number }
  | { type: "complete_request" | "kernel_info_request" | "interrupt_request" | "nonsense_request" }
  | { type: "pause" };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({
      type: fc.constant("cell" as const),
      code: fc.constantFrom("ok", "fails", "hangs", "crashes"),
      stopOnError: fc.boolean(),
      silent: fc.boolean(),
      // 0 is the main shell.
      shell: fc.constantFrom(0, 0, 1, 2),
    }),
    fc.record({
      type: fc.constantFrom("complete_request", "kernel_info_request", "interrupt_request", "nonsense_request"),
    }),
    fc.record({ type: fc.constant("pause" as const) }),
  ),
  { maxLength: 20 },
);

const failure: ExecuteOutcome = {
  status: "error",
  assigned: [],
  error: { ename: "Error", evalue: "", traceback: [] },
};

/** A world whose cells do what their text says. */
function world(): KernelWorld {
  const created = new KernelWorld();
  const { session } = created;
  const hanging = new Set<() => void>();
  session.interrupt = () => {
    for (const end of hanging) end();
    hanging.clear();
    return Promise.resolve();
  };
  session.onExecute = (request) => {
    session.print(request, "text");
    if (request.cell.source === "crashes") session.die();
    if (request.cell.source === "fails") return failure;
    if (request.cell.source !== "hangs") return { status: "ok", assigned: [] };
    return new Promise((resolve) => hanging.add(() => resolve(failure)));
  };
  return created;
}

async function pause(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** Perform the steps, then interrupt until nothing hangs. Returns the ids of all requests, and of each shell's cells. */
async function perform(run: KernelWorld, all: readonly Step[]): Promise<{ ids: string[]; cells: string[][] }> {
  const ids: string[] = [];
  const cells: string[][] = [[], [], []];
  const subshells = [undefined, await run.createSubshell(), await run.createSubshell()];
  for (const step of all) {
    if (step.type === "pause") await pause();
    else if (step.type === "cell") {
      const { code, stopOnError, silent, shell } = step;
      const subshellId = subshells[shell];
      const content = { code, stop_on_error: stopOnError, silent };
      const id = run.send("execute_request", content, subshellId === undefined ? {} : { subshellId });
      cells[shell]?.push(id);
      ids.push(id);
    } else {
      const content = step.type === "complete_request" ? { code: "", cursor_pos: 0 } : {};
      ids.push(run.send(step.type, content, { channel: "control" }));
    }
  }
  const isIdle = (id: string) => run.broadcastsOf(id).at(-1)?.content.execution_state === "idle";
  for (let round = 0; round < 1000 && !ids.every(isIdle); round++) {
    if (round % 5 === 4) ids.push(run.send("interrupt_request", {}, { channel: "control" }));
    await pause();
  }
  return { ids, cells };
}

test("whatever happens, each request gets one reply between one busy and one idle, and each shell's cells run in order", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const run = world();
      const { ids, cells } = await perform(run, all);
      for (const id of ids) {
        const sent = run.transport.sent.filter(({ message }) => message.parent_header.msg_id === id);
        const order = kinds(sent.map(({ message }) => message));
        expect(order[0]).toBe("busy");
        expect(order.at(-1)).toBe("idle");
        expect(order.filter((kind) => kind === "busy" || kind === "idle")).toHaveLength(2);
        expect(sent.filter(({ channel }) => channel !== "iopub")).toHaveLength(1);
        expect(order.at(-2)).toMatch(/_reply$/);
      }
      const begun = run
        .broadcasts()
        .flatMap(({ parent_header: { msg_id: id }, content }) => (content.execution_state === "busy" ? [id] : []));
      for (const inShell of cells) expect(begun.filter((id) => inShell.includes(id ?? ""))).toEqual(inShell);
      await run.kernel.close();
    }),
    { numRuns: 100 },
  );
});
