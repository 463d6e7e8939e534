import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CellRealm, compile } from "./cell-realm.ts";

/** The emitted text when `crypto` and `URL` are names of an earlier cell, functions included. */
function renamed(code: string): string {
  const earlier = new Map([
    ["crypto", "ǃcrypto"],
    ["URL", "ǃURL"],
  ]);
  const { body, hoisted } = compile(`${code}\nif (0);`, earlier);
  const text = hoisted ? hoisted.split("\n").slice(1).join("\n") : body.split("\n").slice(1, -2).join("\n");
  return text.replaceAll("ǃ", "!");
}

describe("uses of a name that a built-in global has too", () => {
  test.each([
    ["crypto.x.crypto", "!crypto.x.crypto"],
    ["f({ crypto, crypto: crypto, [crypto]: 1 })", "f({ crypto:!crypto, crypto: !crypto, [!crypto]: 1 })"],
    ["({ crypto } = f())", "({ crypto:!crypto } = f())"],
    ["({ crypto = URL } = f())", "({ crypto:!crypto = !URL } = f())"],
    ["({ a: crypto, ...URL } = f())", "({ a: !crypto, ...!URL } = f())"],
    ["[crypto, ...URL] = f()", "[!crypto, ...!URL] = f()"],
    ["crypto: for (;;) break crypto", "crypto: for (;;) break crypto"],
    ["x = (crypto) => crypto + URL", "x = (crypto) => crypto + !URL"],
    ["x = ({ crypto, a: [URL] }) => crypto + URL", "x = ({ crypto, a: [URL] }) => crypto + URL"],
    ["x = (a = crypto) => a", "x = (a = !crypto) => a"],
    ["x = function crypto() { crypto() }", "x = function crypto() { crypto() }"],
    ["x = class URL { static a = URL }; URL", "x = class URL { static a = URL }; !URL"],
    [
      "x = { crypto() { crypto() }, get URL() { return URL } }",
      "x = { crypto() { !crypto() }, get URL() { return !URL } }",
    ],
    ["x = class { crypto = crypto; static URL() { URL } }", "x = class { crypto = !crypto; static URL() { !URL } }"],
    ["x = class extends URL {}", "x = class extends !URL {}"],
    ["{ let crypto = 1; crypto } crypto", "{ let crypto = 1; crypto } !crypto"],
    ["{ function crypto() {} crypto() }", "{ function crypto() {} crypto() }"],
    ["{ class URL {} new URL() }", "{ class URL {} new URL() }"],
    ["for (const crypto of crypto) crypto", "for (const crypto of crypto) crypto"],
    ["for (crypto of []) crypto", "for (!crypto of []) !crypto"],
    ["try {} catch (crypto) { crypto } crypto", "try {} catch (crypto) { crypto } !crypto"],
    ["switch (crypto) { case 1: let crypto = 2; crypto }", "switch (!crypto) { case 1: let crypto = 2; crypto }"],
    ["x = () => { if (1) { var crypto = 1 } return crypto }", "x = () => { if (1) { var crypto = 1 } return crypto }"],
    [
      "x = class { static { var crypto = 1; crypto } m() { crypto } }",
      "x = class { static { var crypto = 1; crypto } m() { !crypto } }",
    ],
    ["x = `${crypto} crypto`", "x = `${!crypto} crypto`"],
    ["typeof crypto, void crypto, crypto++", "typeof !crypto, void !crypto, !crypto++"],
    ["x = y as typeof crypto", "x = y;                "],
    ["x = <T extends URL>(a: URL): URL => a", "x =                (a     )      => a"],
    ["x = new URL<URL>()", "x = new !URL     ()"],
    ["x = crypto?.crypto!.crypto", "x = !crypto?.crypto .crypto"],
    ["function f(crypto: URL) { return [crypto, URL] }", "function f(crypto     ) { return [crypto, !URL] }"],
    ["function f() { return arguments }", "function f() { return arguments }"],
  ])("%s", (code, expected) => {
    expect(renamed(code)).toBe(expected);
  });
});

describe("a cell that declares a name of a built-in global", () => {
  let realm: CellRealm;
  beforeEach(() => {
    realm = new CellRealm();
  });
  afterEach(() => realm[Symbol.dispose]());

  test("keeps the built-in one for everybody else", async () => {
    const builtIn = globalThis.URL;
    expect(
      await realm.run(
        "const URL = 'mine', { fetch, process: Buffer } = { fetch: 1, process: 2 }; [URL, fetch, Buffer]",
      ),
    ).toEqual(["mine", 1, 2]);
    expect(await realm.run("({ URL, fetch })")).toEqual({ URL: "mine", fetch: 1 });
    expect(globalThis.URL).toBe(builtIn);
    expect(typeof globalThis.Buffer).toBe("function");
  });

  test.each<[string, unknown]>([
    ["let table = 1; table += 1; ({ table } = { table: table + 1 }); table", 3],
    ["function fetch(n: number): number { return n === 0 ? 7 : fetch(n - 1) }\nfetch(2)", 7],
    ["function structuredClone() { return structuredClone.name.length > 0 } structuredClone()", true],
    ["class URL { static make() { return new URL() } x = 1 }\n[URL.make().x, URL.name]", [1, "URL"]],
    ["const dec = (v: any) => v; @dec class Event { static own = Event }\nEvent.own === Event", true],
    ["enum Blob { A = 3 } Blob.A", 3],
    ["namespace performance { export const now = 1 } performance.now", 1],
    ["for (var crypto = 0; crypto < 3; crypto++); crypto", 3],
    ["for (var { name: navigator } of [{ name: 'n' }]); navigator", "n"],
    ["import URL, { basename as process } from 'node:path'; [typeof URL.join, process('a/b')]", ["function", "b"]],
    ["import * as console from 'node:path'; typeof console.join", "function"],
    ["interface URL { x: 1 } new URL('a:b').protocol", "a:"],
    ["const toString = 1; toString + String(globalThis)", "1[object global]"],
    ["const display = (n: number) => n; const html = { display }; html.display(4)", 4],
  ])("%s", async (code, expected) => {
    expect(await realm.run(code)).toEqual(expected);
  });
});
