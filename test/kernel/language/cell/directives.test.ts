import { describe, expect, test } from "vitest";
import { checkDirective, jsxFactoryNames, leadingPragmas } from "../../../../kernel/src/language/cell/directives.ts";

describe("checkDirective", () => {
  test.each([
    ["// @check off\n1", "off"],
    ["//@check   warn and more\n1", "warn"],
    ["\r\n// why\r\n// @check error\r\n1", "error"],
    ["// @ts-nocheck", "off"],
    ["// @check loud\n1", undefined],
    ["1 // @check off", undefined],
    ["1\n// @check off", undefined],
    ["", undefined],
  ])("%j asks for %s", (code, level) => {
    expect(checkDirective(code)).toBe(level);
  });
});

describe("leadingPragmas", () => {
  test("copies what TypeScript reads at the top of a file only", () => {
    const code = '// note\n/// <reference types="x" />\n/** @jsx h */\n/* other */\nconst a = 1 /** @jsx late */';
    expect(leadingPragmas(code)).toBe('/// <reference types="x" />\n/** @jsx h */\n');
  });

  test("names the variables that compiled JSX uses", () => {
    expect(jsxFactoryNames("/** @jsx h\n * @jsxFrag Preact.Fragment */\n/* @jsxRuntime classic */1")).toEqual([
      "h",
      "Preact",
    ]);
    expect(jsxFactoryNames("1 /** @jsx h */")).toEqual([]);
  });

  test("is empty for ordinary text", () => {
    expect(leadingPragmas("const a = 1\n/// <reference types='x' />")).toBe("");
  });
});
