import { tmpdir } from "node:os";
import { describe, expect, test } from "vitest";
import { mobula } from "./mobula.ts";

describe("mobula", () => {
  test("lists its commands, and each explains itself with an example", async () => {
    const { code, stdout } = await mobula(tmpdir(), "--help");
    expect(code).toBe(0);
    const names = [...stdout.matchAll(/^ {2}(\w+) {2,}/gm)].map(([, name]) => name ?? "");
    expect(names).toContain("run");
    for (const name of names) {
      const help = await mobula(tmpdir(), name, "--help");
      expect(help).toMatchObject({ code: 0, stderr: "" });
      expect(help.stdout).toMatch(new RegExp(`^Usage: mobula ${name} [^]*\nExample:\n {2}mobula ${name}`));
    }
  });

  test("says its version", async () => {
    expect((await mobula(tmpdir(), "--version")).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test.each([
    [["rnu"], "mobula: There is no command 'rnu'; did you mean 'run'?\n"],
    [["frobnicate"], "mobula: There is no command 'frobnicate'; 'mobula --help' lists what there is\n"],
    [["--versoin"], "mobula: There is no option '--versoin'; did you mean '--version'?\n"],
    [["run", "--timout", "3"], "mobula: 'mobula run' has no option '--timout'; did you mean '--timeout'?\n"],
    [["install", "somewhere"], "mobula: 'mobula install' takes no 'somewhere'; name a folder with"],
    [
      ["install", "--user", "--prefix", "x"],
      "mobula: Give one of '--user', '--prefix' and '--data-dir', not several.\n",
    ],
    [["lab", "missing.ipynb"], "mobula: There is no notebook 'missing.ipynb'.\n"],
    [["lab", "--port", "http"], "mobula: The option '--port' takes a number from 1 to 65535, not 'http'.\n"],
    [
      ["lab", "--jupyter", "/missing/jupyter"],
      "mobula: The option '--jupyter' names '/missing/jupyter', and there is no",
    ],
  ])("refuses %j with one sentence and exit code 2", async (args, sentence) => {
    const { code, stdout, stderr } = await mobula(tmpdir(), ...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(sentence);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });
});
