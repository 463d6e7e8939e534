import { describe, expect, it } from "vitest";
import { figureHeight, layoutToDraw, readFigure } from "../../../../extensions/jupyterlab/src/chart/figure.ts";

const THEME = { font: "sans", text: "black", paper: "white", grid: "silver", axis: "gray" };

describe("a figure", () => {
  it("may leave out all but its data", () => {
    expect(readFigure({ data: [{ type: "bar" }] })).toEqual({
      data: [{ type: "bar" }],
      layout: {},
      config: {},
      frames: [],
    });
    expect(readFigure({ data: [], layout: null }).layout).toEqual({});
  });

  it("of the wrong shape is refused in words", () => {
    expect(() => readFigure("x")).toThrow("A figure is an object with 'data' and 'layout', not a string.");
    expect(() => readFigure(null)).toThrow("not null");
    expect(() => readFigure({ data: 5 })).toThrow("'data' of a figure is an array of traces, not a number.");
    expect(() => readFigure({ data: [{}, 3] })).toThrow("Trace 1 of the figure is a number, not an object.");
    expect(() => readFigure({ data: [], layout: [] })).toThrow("'layout' of a figure is an object, not an array.");
  });

  it("is as high as it says, else 400 pixels, and as wide as the room unless it says", () => {
    const plain = readFigure({ data: [] });
    expect(figureHeight(plain)).toBe(400);
    expect(layoutToDraw(plain, THEME, 640)).toMatchObject({ width: 640, height: 400 });
    const sized = readFigure({ data: [], layout: { width: 300, height: 200 } });
    expect(layoutToDraw(sized, THEME, 640)).toMatchObject({ width: 300, height: 200 });
  });

  it("takes the colours of the theme where it says nothing, and keeps its own template", () => {
    const plain = layoutToDraw(readFigure({ data: [], layout: { paper_bgcolor: "pink" } }), THEME, 640);
    expect(plain).toMatchObject({
      paper_bgcolor: "pink",
      template: { layout: { font: { color: "black", family: "sans" } } },
    });
    const dressed = readFigure({ data: [], layout: { template: { layout: { font: { color: "red" } } } } });
    expect(layoutToDraw(dressed, THEME, 640)["template"]).toEqual({ layout: { font: { color: "red" } } });
  });

  it("in the notebook is not touched by what is drawn", () => {
    const figure = readFigure({ data: [], layout: { xaxis: { title: "x" } } });
    const drawn = layoutToDraw(figure, THEME, 640) as { xaxis: { range?: number[] } };
    drawn.xaxis.range = [0, 1];
    expect(figure.layout).toEqual({ xaxis: { title: "x" } });
  });
});
