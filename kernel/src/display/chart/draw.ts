/** Draws a chart as SVG. */
import { drawCartesian } from "./cartesian.ts";
import type { Chart, Pie } from "./figure.ts";
import { drawLegend } from "./legend.ts";
import { element, INK, label, PANEL, shorten, textWidth } from "./markup.ts";
import { drawPie } from "./pie.ts";

/** The room left for marks, in pixels of the picture. */
export interface Area {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

const MARGIN = 16;
const TITLE_HEIGHT = 30;
const TITLE_SIZE = 16;

/** The whole picture: a panel, the title, the marks and the legend. */
export function drawFigure(chart: Chart): string {
  const { width, height, title } = chart;
  const panel = element("rect", { width, height, rx: 4, fill: PANEL });
  const top = title === "" ? MARGIN : MARGIN + TITLE_HEIGHT;
  const entries = legendEntries(chart);
  const legend = drawLegend(entries, { left: MARGIN, top, right: width - MARGIN, bottom: height - MARGIN });
  const area: Area = { left: MARGIN, top, right: width - MARGIN - legend.width, bottom: height - MARGIN };
  const pie = chart.traces.find((trace): trace is Pie => trace.kind === "pie");
  const marks = pie === undefined ? drawCartesian(chart, area) : drawPie(pie, area);
  const heading = title === "" ? "" : drawTitle(title, width);
  return element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      "font-family": "DejaVu Sans, Verdana, Arial, sans-serif",
      role: "img",
      "aria-label": title === "" ? "chart" : title,
    },
    panel + heading + marks + legend.svg,
  );
}

function drawTitle(title: string, width: number): string {
  const most = Math.floor((width - 2 * MARGIN) / textWidth("x", TITLE_SIZE));
  const text = shorten(title, most);
  return label(text, { x: width / 2, y: MARGIN + 14, "text-anchor": "middle", "font-size": TITLE_SIZE, fill: INK });
}

function legendEntries({ traces, hasLegend }: Chart): { name: string; colour: string }[] {
  return traces.flatMap((trace) => {
    if (trace.kind === "pie") return trace.labels.map((name, at) => ({ name, colour: trace.colours[at] ?? INK }));
    return trace.kind === "heatmap" || !hasLegend ? [] : [{ name: trace.name, colour: trace.colour }];
  });
}
