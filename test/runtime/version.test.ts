import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { VERSION } from "../../runtime/src/version.ts";

it("the version in the code is the package's", () => {
  const text = readFileSync(new URL("../../runtime/package.json", import.meta.url), "utf8");
  expect(VERSION).toBe((JSON.parse(text) as { version: string }).version);
});
