import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { eraseTypes } from "../../../../kernel/src/session/modules/erase-types.ts";
import { LocalVersions } from "../../../../kernel/src/session/modules/local-versions.ts";

describe("local versions", () => {
  let directory: string;
  let versions: LocalVersions;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "local-versions-"));
    versions = new LocalVersions();
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  function write(name: string, text: string): string {
    writeFileSync(join(directory, name), text);
    return pathToFileURL(join(directory, name)).href;
  }

  test("an unchanged file keeps its URL, a changed one gets a new one", () => {
    const url = write("a.ts", "1");
    expect(versions.versionedUrl(url, undefined)).toBe(url);
    expect(versions.versionedUrl(url, undefined)).toBe(url);
    write("a.ts", "22");
    expect(versions.versionedUrl(url, undefined)).toBe(`${url}?v=2`);
    expect(versions.versionedUrl(url, undefined)).toBe(`${url}?v=2`);
  });

  test("a file gets a new URL when one it imports has changed, through a third one", () => {
    const [a, b, c] = [write("a.ts", "1"), write("b.ts", "1"), write("c.ts", "1")];
    versions.versionedUrl(a, undefined);
    versions.versionedUrl(b, a);
    versions.versionedUrl(c, b);
    write("c.ts", "22");
    expect(versions.versionedUrl(a, undefined)).toBe(`${a}?v=2`);
  });

  test("files that import each other end", () => {
    const [a, b] = [write("a.ts", "1"), write("b.ts", "1")];
    versions.versionedUrl(a, undefined);
    versions.versionedUrl(b, a);
    versions.versionedUrl(a, b);
    expect(versions.versionedUrl(a, undefined)).toBe(a);
    write("b.ts", "22");
    expect(versions.versionedUrl(a, undefined)).toBe(`${a}?v=2`);
  });
});

describe("erasing types", () => {
  test("keeps positions", () => {
    const source = "const n: number = 1;\nexport function f<T>(x: T): T { return x as T }";
    const erased = eraseTypes(source, "/a.ts");
    expect(erased).toHaveLength(source.length);
    expect(erased.indexOf("return")).toBe(source.indexOf("return"));
    expect(erased).not.toContain("number");
  });

  test("enums, parameter properties and decorators are emitted", () => {
    const source = "export enum E { A = 1 }\nclass P { constructor(readonly n: number) {} }\nexport { P }";
    expect(eraseTypes(source, "/a.ts")).toContain("this.n = n");
    expect(eraseTypes("@d\nclass K {}", "/a.ts")).not.toMatch(/^@d/m);
  });

  test("syntax that is neither is an error with its place", () => {
    expect(() => eraseTypes("enum E { A = 1 }\nconst = 2;", "/a.ts")).toThrow("/a.ts:2:7");
  });
});
