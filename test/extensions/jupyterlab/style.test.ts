import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const extension = new URL("../../../extensions/jupyterlab/", import.meta.url);
const themes = new URL("themes/", import.meta.url);
const css = readFileSync(new URL("style/base.css", extension), "utf8");

describe("the style sheet", () => {
  it("has no colour of its own, only the theme's", () => {
    const withoutComments = css.replaceAll(/\/\*.*?\*\//gs, "");
    expect(
      withoutComments.match(
        /#[0-9a-f]{3,8}\b|\b(?:rgba?|hsla?|oklch|color-mix)\(|:\s*(?:white|black|red|green|blue|gray|grey)\b/gi,
      ),
    ).toBeNull();
  });

  it.each(readdirSync(themes))("uses only variables that JupyterLab's theme has: %s", (file) => {
    const theme = readFileSync(new URL(file, themes), "utf8");
    const used = new Set(css.match(/--jp-[a-z0-9-]+/g));
    expect([...used].filter((name) => !theme.includes(`${name}:`))).toEqual([]);
  });
});
