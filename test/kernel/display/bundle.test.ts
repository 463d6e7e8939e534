import { tableFromArrays, vectorFromArray } from "apache-arrow";
import { describe, expect, test } from "vitest";
import {
  html,
  image,
  JUPYTER_DISPLAY,
  json,
  latex,
  md,
  plotly,
  svg,
  table,
  toBundle,
} from "../../../kernel/src/display/index.ts";

async function dataOf(value: unknown): Promise<Readonly<Record<string, unknown>>> {
  return (await toBundle(value))?.data ?? {};
}

describe("any value", () => {
  test("undefined shows nothing, null does", async () => {
    expect(await toBundle(undefined)).toBeUndefined();
    expect(await dataOf(null)).toEqual({ "text/plain": "null" });
  });

  test.each<[unknown, string]>([
    ["text", "'text'"],
    [12n, "12n"],
    [new Date(0), "1970-01-01T00:00:00.000Z"],
    [new Map([["a", 1]]), "Map(1) { 'a' => 1 }"],
    [new Set([1]), "Set(1) { 1 }"],
    [new Float64Array(2), "Float64Array(2) [ 0, 0 ]"],
    [new Promise(() => {}), "Promise { <pending> }"],
    [[], "[]"],
    [{ a: { b: { c: { d: { e: 1 } } } } }, "{\n  a: {\n    b: { c: { d: { e: 1 } } }\n  }\n}"],
  ])("%o is text", async (value, text) => expect(await dataOf(value)).toEqual({ "text/plain": text }));

  test("text goes four levels deep; a tree beside it goes on", async () => {
    const data = await dataOf({ a: { b: { c: { d: { e: { f: 1 } } } } } });
    expect(data["text/plain"]).toBe("{\n  a: {\n    b: { c: { d: { e: [Object] } } }\n  }\n}");
    expect(data["text/html"]).toContain("<details");
  });

  test("an error is text with its stack", async () => {
    expect((await dataOf(new RangeError("far")))["text/plain"]).toMatch(/^RangeError: far\n {4}at /);
  });

  test("long text is cut with a note of how much is missing", async () => {
    const text = String((await dataOf("x".repeat(50_000)))["text/plain"]);
    expect(text.length).toBeLessThan(20_100);
    expect(text).toMatch(/… \d+ more characters$|\.\.\. 30000 more characters$/);
  });

  test("a value that throws when it is inspected is named so", async () => {
    const odd = {
      [Symbol.for("nodejs.util.inspect.custom")]: () => {
        throw new Error("odd");
      },
    };
    expect((await dataOf(odd))["text/plain"]).toContain("odd");
  });
});

describe("a display method", () => {
  test("may be asynchronous, and text/plain is added", async () => {
    const value = { [JUPYTER_DISPLAY]: async () => ({ "text/html": "<i>x</i>" }) };
    const data = await dataOf(value);
    expect(data["text/html"]).toBe("<i>x</i>");
    expect(data["text/plain"]).toContain("Jupyter.display");
  });

  test("may bring metadata", async () => {
    const shown = { data: { "image/png": "aa", "text/plain": "p" }, metadata: { "image/png": { width: 3 } } };
    expect(await toBundle({ [JUPYTER_DISPLAY]: () => shown })).toEqual(shown);
  });

  test("that throws falls back to text with a note", async () => {
    const value = {
      [JUPYTER_DISPLAY]: () => {
        throw new TypeError("broken");
      },
    };
    expect((await dataOf(value))["text/plain"]).toContain("(its display failed: TypeError: broken)");
  });
});

describe("template tags", () => {
  test("html and svg escape values, except their own", async () => {
    const bold = html`<b>${"<&>"}</b>`;
    expect((await dataOf(html`<p>${[bold, "'"]}</p>`))["text/html"]).toBe("<p><b>&lt;&amp;&gt;</b>&#39;</p>");
    expect((await dataOf(svg`<text>${true}</text>`))["image/svg+xml"]).toBe("<text>true</text>");
    expect((await dataOf(html`${md`*a<b*`}`))["text/html"]).toBe("*a&lt;b*");
  });

  test("md takes values as they are", async () => {
    expect(await dataOf(md`**${"a < b"}**`)).toEqual({ "text/markdown": "**a < b**", "text/plain": "**a < b**" });
  });
});

describe("latex", () => {
  test("keeps backslashes, and stands on a line of its own unless it says otherwise", async () => {
    expect((await dataOf(latex`\frac{${1}}{b}`))["text/latex"]).toBe("$$\\frac{1}{b}$$");
    expect((await dataOf(latex`where $x$ is`))["text/latex"]).toBe("where $x$ is");
    expect((await dataOf(latex("\\begin{align}a\\end{align}")))["text/latex"]).toBe("\\begin{align}a\\end{align}");
  });
});

describe("tables", () => {
  test("records become a table with shape, types and right-aligned numbers", async () => {
    const data = await dataOf([
      { id: 1, name: "<a>" },
      { id: 22, name: null },
    ]);
    expect(data["text/plain"]).toBe(
      ["2 rows × 2 columns", "    id  name", "number  string", "──────  ──────", "     1  <a>", "    22  null"].join(
        "\n",
      ),
    );
    expect(data["text/html"]).toContain(
      'text-align:right">22</td><td style="padding:2px 8px;text-align:left">null</td>',
    );
    expect(data["text/html"]).toContain("&lt;a&gt;");
    expect(String(data["text/html"]).match(/#[0-9a-f]{3,8}(?![^(]*\))/gi)).toBeNull(); // Colours only as fallbacks of theme variables.
  });

  test("long tables show both ends, and as many rows as asked for", async () => {
    const rows = Array.from({ length: 1000 }, (_, n) => ({ n }));
    const text = String((await dataOf(rows))["text/plain"]);
    expect(
      text
        .split("\n")
        .slice(4)
        .map((line) => line.trim()),
    ).toEqual(["0", "1", "2", "3", "4", "…", "995", "996", "997", "998", "999"]);
    expect(text).toMatch(/^1,000 rows × 1 column\n/);
    expect(String((await dataOf(table(rows, { rows: 3 })))["text/plain"]).split("\n")).toHaveLength(8);
  });

  test("objects with little in common, class instances and mixed arrays are no table", async () => {
    expect(Object.keys(await dataOf([{ a: 1 }, { b: 1 }, { c: 1 }]))).toEqual(["text/plain"]);
    expect(Object.keys(await dataOf([{ a: 1 }, 2]))).toEqual(["text/plain"]);
    expect(Object.keys(await dataOf([new Date()]))).toEqual(["text/plain"]);
  });

  test("Arrow tables, batches and vectors are tables", async () => {
    const arrow = tableFromArrays({ n: Int32Array.from([1, 2]), s: ["a", "b"], t: [new Date(0), null] });
    const text =
      "2 rows × 3 columns\n    n  s     t\nInt32  Utf8  Timestamp<MILLISECOND>\n─────  ────  ──────────────────────\n    1  a     1970-01-01\n    2  b     null";
    expect((await dataOf(arrow))["text/plain"]).toBe(text);
    expect((await dataOf(arrow.batches[0]))["text/plain"]).toBe(text);
    expect((await dataOf(vectorFromArray([1.5, 2.25])))["text/plain"]).toContain("Float64");
  });

  test("wide tables and long cells are cut", async () => {
    const row = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`c${n}`, "x".repeat(500)]));
    const page = String((await dataOf([row]))["text/html"]);
    expect(page).toContain("1 row × 40 columns");
    expect(page.match(/<td/g)).toHaveLength(31);
    expect(page).not.toContain("x".repeat(81));
  });

  test("table() refuses what has no rows", () => {
    expect(() => table(5)).toThrow(TypeError);
  });
});

describe("pictures and charts", () => {
  test("bytes with the signature of a picture are one", async () => {
    const png = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0]);
    expect(await dataOf(png)).toEqual({
      "image/png": Buffer.from(png).toString("base64"),
      "text/plain": "image/png, 10 bytes",
    });
    expect(Object.keys(await dataOf(Uint8Array.from([1, 2])))).toEqual(["text/plain"]);
  });

  test("Vega-Lite specifications are shown natively, of any version", async () => {
    const specification = {
      $schema: "https://vega.github.io/schema/vega-lite/v6.json",
      mark: "bar",
      data: { values: new Float32Array(1) },
    };
    const data = await dataOf(specification);
    expect(data["application/vnd.vegalite.v5+json"]).toMatchObject({ mark: "bar", data: { values: [0] } });
  });

  test("DOM elements are their markup", async () => {
    const drawing = await dataOf({ nodeType: 1, tagName: "svg", outerHTML: '<svg width="1"/>' });
    expect(drawing["text/html"]).toBe('<svg width="1"/>');
    expect(drawing["image/svg+xml"]).toBe('<svg xmlns="http://www.w3.org/2000/svg" width="1"/>');
    expect(await dataOf({ outerHTML: "<figure></figure>" })).toEqual({
      "text/html": "<figure></figure>",
      "text/plain": "<figure> element",
    });
    expect((await dataOf({ nodeType: 1, tagName: "P", outerHTML: "<p/>" }))["text/html"]).toBe("<p/>");
  });

  test("builders with toSpec are charts; places that draw nothing get a line of text", async () => {
    const specification = {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      mark: { type: "bar" },
      title: "T",
    };
    const data = await dataOf({ toSpec: () => specification });
    expect(data).toEqual({
      "application/vnd.vegalite.v5+json": specification,
      "text/plain": 'Vega-Lite chart "T": bar',
    });
    const vega = await dataOf({ $schema: "https://vega.github.io/schema/vega/v5.json", marks: [] });
    expect(vega["application/vnd.vega.v5+json"]).toEqual({ $schema: expect.any(String), marks: [] });
  });

  test("image() tells pictures by their first bytes, and takes a size", async () => {
    const bytes = (...parts: readonly (string | number)[]): Uint8Array =>
      Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.from([part]))));
    const types = async (content: Uint8Array | string) => Object.keys((await dataOf(image(content))) ?? {})[0];
    expect(await types(bytes(0xff, 0xd8, 0xff))).toBe("image/jpeg");
    expect(await types(bytes("GIF89a"))).toBe("image/gif");
    expect(await types(bytes("RIFF1234WEBP"))).toBe("image/webp");
    expect(await types(bytes('<?xml version="1.0"?>\n<svg></svg>'))).toBe("image/svg+xml");
    expect(await types("<!-- made by --> <svg/>")).toBe("image/svg+xml");
    expect(() => image(bytes("hello"))).toThrow(TypeError);
    expect(() => image("<p>no picture</p>")).toThrow(TypeError);
    expect((await toBundle(image(bytes("GIF89a"), { width: 40 })))?.metadata).toEqual({ "image/gif": { width: 40 } });
  });

  test("json() is for the front end's own viewer", async () => {
    const shown = await toBundle(json({ a: [1n, new Date(0)] }, { expanded: true }));
    expect(shown?.data["application/json"]).toEqual({ a: [1, "1970-01-01T00:00:00.000Z"] });
    expect(shown?.metadata).toEqual({ "application/json": { expanded: true } });
  });

  test("a Plotly figure has its specification, a picture in two formats, and text, but no html", async () => {
    const figure = { data: [{ type: "bar", x: ["a", "b"], y: new BigInt64Array([1n, 2n]) }], layout: { title: "T" } };
    const data = await dataOf(figure);
    expect(Object.keys(data).sort()).toEqual([
      "application/vnd.plotly.v1+json",
      "image/png",
      "image/svg+xml",
      "text/plain",
    ]);
    expect(data["application/vnd.plotly.v1+json"]).toMatchObject({ data: [{ y: [1, 2] }] });
    expect(Buffer.from(String(data["image/png"]), "base64").subarray(1, 4).toString()).toBe("PNG");
    expect(data["text/plain"]).toBe('Plotly chart "T": bar');
    expect(await dataOf(plotly(figure))).toEqual(data);
  });

  test("a kind of chart that is not drawn here keeps its specification", async () => {
    const data = await dataOf(plotly({ data: [{ type: "surface", z: [[1]] }] }));
    expect(Object.keys(data)).toEqual(["application/vnd.plotly.v1+json", "text/plain"]);
  });

  test("an object with data and layout that is no figure is not taken for one", async () => {
    expect(Object.keys(await dataOf({ data: [{ x: 1 }], layout: {} }))).toEqual(["text/plain"]);
    expect(Object.keys(await dataOf({ data: [[1, 2]], rows: 3 }))).toEqual(["text/plain"]);
  });
});
