import { expect, test } from "vitest";
import { readCommand } from "../../kernel/src/options.ts";

test("a kernel runs in the current directory and blocks on type errors, unless told otherwise", () => {
  expect(readCommand(["--connection-file", "c.json"])).toEqual({
    type: "run",
    options: {
      connectionFile: "c.json",
      directory: process.cwd(),
      language: "typescript",
      check: "error",
      isDebug: false,
    },
  });
  expect(readCommand(["--connection-file=c.json", "--directory", "/n", "--check", "off", "--debug"])).toEqual({
    type: "run",
    options: { connectionFile: "c.json", directory: "/n", language: "typescript", check: "off", isDebug: true },
  });
});

test("types of JavaScript are not checked, unless somebody wants that", () => {
  const options = { connectionFile: "c", directory: process.cwd(), language: "javascript", isDebug: false };
  const command = ["--connection-file", "c", "--language", "javascript"];
  expect(readCommand(command)).toEqual({ type: "run", options: { ...options, check: "off" } });
  expect(readCommand([...command, "--check", "warn"])).toEqual({ type: "run", options: { ...options, check: "warn" } });
  expect(readCommand(["install", "--language", "javascript"])).toEqual({
    type: "install",
    options: { language: "javascript" },
  });
  expect(() => readCommand(["--connection-file", "c", "--language", "python"])).toThrow("--language takes");
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
