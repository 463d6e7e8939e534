import { describe, expect, test } from "vitest";
import {
  type Command,
  choiceOf,
  EXIT_CODES,
  parseOptions,
  secondsOf,
  textOf,
  textsOf,
} from "../../../runtime/src/cli/command.ts";

const command: Command = {
  name: "go",
  summary: "",
  help: "",
  options: {
    fast: { type: "boolean" },
    output: { type: "string", short: "o" },
    parameter: { type: "string", short: "p", multiple: true },
  },
  run: () => Promise.resolve(EXIT_CODES.ok),
};

describe("arguments", () => {
  test("are read in every spelling, in any order", () => {
    const { values, positionals } = parseOptions(command, [
      "-p",
      "a=1",
      "nb",
      "--output=x",
      "--parameter",
      "b=-2",
      "--fast",
    ]);
    expect(positionals).toEqual(["nb"]);
    expect([textOf(values, "output"), textsOf(values, "parameter"), values["fast"]]).toEqual([
      "x",
      ["a=1", "b=-2"],
      true,
    ]);
  });

  test("after -- are no options", () => {
    expect(parseOptions(command, ["--", "--fast"])).toEqual({ values: {}, positionals: ["--fast"] });
  });

  test.each([
    [["--outptu", "x"], "'mobula go' has no option '--outptu'; did you mean '--output'?"],
    [["--quick"], "'mobula go' has no option '--quick'; 'mobula go --help' lists them"],
    [["-x"], "'mobula go' has no option '-x'; did you mean '-"],
    [["--toString"], "'mobula go' has no option '--toString'; 'mobula go --help' lists them"],
    [["--output"], "The option '--output' needs a value after it."],
    [["--output", "--fast"], "The option '--output' needs a value after it."],
    [["--fast=yes"], "The option '--fast' takes no value, so write it without '=yes'."],
  ])("%j are refused", (args, sentence) => {
    expect(() => parseOptions(command, args)).toThrow(sentence);
  });
});

test("seconds become milliseconds, and what is no time is refused", () => {
  expect(secondsOf({ timeout: "1.5" }, "timeout")).toBe(1500);
  expect(secondsOf({}, "timeout")).toBeUndefined();
  for (const wrong of ["", "0", "-1", "soon", "Infinity"]) {
    expect(() => secondsOf({ timeout: wrong }, "timeout")).toThrow(/^The option '--timeout' takes a number of seconds/);
  }
  expect(() => secondsOf({ timeout: "99999999" }, "timeout")).toThrow("up to 2147483");
});

test("a choice is one of its words", () => {
  expect(choiceOf({ check: "off" }, "check", ["on", "off"])).toBe("off");
  expect(() => choiceOf({ check: "of" }, "check", ["on", "off"])).toThrow(
    "The option '--check' is one of on, off, not 'of'.",
  );
});
