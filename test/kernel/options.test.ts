import { expect, test } from "vitest";
import { readCommand } from "../../kernel/src/options.ts";

test("a kernel runs in the current directory and blocks on type errors, unless told otherwise", () => {
  expect(readCommand(["--connection-file", "c.json"])).toEqual({
    type: "run",
    options: { connectionFile: "c.json", directory: process.cwd(), check: "error", isDebug: false },
  });
  expect(readCommand(["--connection-file=c.json", "--directory", "/n", "--check", "off", "--debug"])).toEqual({
    type: "run",
    options: { connectionFile: "c.json", directory: "/n", check: "off", isDebug: true },
  });
});

test("install has one target", () => {
  expect(readCommand(["install", "--prefix", "/env", "--name", "ts", "--display-name", "TS"])).toEqual({
    type: "install",
    options: { target: { type: "prefix", directory: "/env" }, name: "ts", displayName: "TS" },
  });
  expect(readCommand(["install"])).toEqual({ type: "install", options: {} });
  expect(() => readCommand(["install", "--user", "--data-dir", "/d"])).toThrow("Choose one of");
});

test("what makes no sense is refused in one sentence", () => {
  for (const args of [
    [],
    ["--nonsense"],
    ["--connection-file"],
    ["--check", "loud", "--connection-file", "c"],
    ["x"],
  ]) {
    expect(() => readCommand(args)).toThrow(expect.objectContaining({ code: "USAGE" }));
    expect(() => readCommand(args)).toThrow(/^[^\n]+[.]$/);
  }
});
