import { describe, expect, test } from "vitest";
import {
  ClusterError,
  GetTimeoutError,
  hasCode,
  ObjectStoreFullError,
  TaskFailedError,
  toWireError,
  UnschedulableError,
  WorkerCrashedError,
} from "../../runtime/src/errors.ts";

/** As if it had crossed a wire that knows only JSON. */
function travelled(error: ClusterError): Error {
  return ClusterError.fromWire(JSON.parse(JSON.stringify(error.toWire())));
}

describe("a cluster error", () => {
  test("crosses a wire with class, code, fields and causes", () => {
    const error = new TaskFailedError("load", new WorkerCrashedError("train", "signal SIGKILL", "out of memory"));
    const copy = travelled(error) as TaskFailedError;
    expect(copy).toBeInstanceOf(TaskFailedError);
    expect(copy).toMatchObject({ name: "TaskFailedError", code: "TASK_FAILED", functionName: "load" });
    expect(copy.cause).toBeInstanceOf(WorkerCrashedError);
    expect(copy.cause).toMatchObject({ reason: "signal SIGKILL" });
    expect(copy.stack).toBe(error.stack);
  });

  test("is told by its code, also as a cause and across realms", () => {
    const error = new TaskFailedError("load", new GetTimeoutError("the result of task 'slow'", 100));
    expect(hasCode(error, "TASK_FAILED")).toBe(true);
    expect(hasCode(error, "GET_TIMEOUT")).toBe(false);
    expect(hasCode(error, "GET_TIMEOUT", { deep: true })).toBe(true);
    expect(hasCode({ code: "TASK_FAILED" }, "TASK_FAILED")).toBe(true);
    expect([null, undefined, "TASK_FAILED", 7].some((value) => hasCode(value, "TASK_FAILED"))).toBe(false);
  });

  test("shows the user's stack before its own", () => {
    const cause = new RangeError("bad input");
    cause.stack = "RangeError: bad input\n    at user (cell.ts:3:5)";
    const [header, firstFrame] = (new TaskFailedError("load", cause).stack ?? "").split("\n");
    expect(header).toBe("TaskFailedError: Task 'load' failed: RangeError: bad input");
    expect(firstFrame).toBe("    at user (cell.ts:3:5)");
  });

  test("says the numbers in units a person reads", () => {
    expect(new ObjectStoreFullError(3 * 2 ** 30, 2 ** 20, 1.5 * 2 ** 30).message).toContain(
      "no room for 3 GiB: 1 MiB of 1.5 GiB are in use",
    );
    expect(new UnschedulableError("train", { gpus: 2, memoryBytes: 2 ** 33 }, { cpus: 8 }).message).toContain(
      "'train' needs 2 gpus, 8 GiB memory, but no node has more than 8 cpus",
    );
  });
});

describe("anything thrown", () => {
  test("becomes plain data without running into trouble", () => {
    const hostile = Object.defineProperty(new Error("x"), "message", {
      get() {
        throw new Error("not this way");
      },
    });
    expect(toWireError(hostile)).toMatchObject({ name: "Error", message: "" });
    expect(toWireError("text").message).toContain("text");
    expect(toWireError({ a: 1n }).message).toContain('{"a":"1"}');
    expect(toWireError(undefined).name).toBe("Error");
  });

  test("keeps the members of an AggregateError, and Node's codes", () => {
    const error = Object.assign(new AggregateError([new TypeError("one"), "two"], "both"), { code: "EBOTH" });
    expect(toWireError(error)).toMatchObject({
      name: "AggregateError",
      code: "EBOTH",
      errors: [{ error: { name: "TypeError", message: "one" } }, { value: "two" }],
    });
  });

  test("of a failed task may be anything", () => {
    const odd = { toString: () => "odd thing" };
    expect(new TaskFailedError("load", odd).message).toBe("Task 'load' failed: odd thing");
    expect(new TaskFailedError("load", Object.create(null)).message).toBe("Task 'load' failed: [object Object]");
  });
});
