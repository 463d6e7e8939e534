/** Shows Plotly figures in notebooks. Loaded at start, so it is small: the chart library comes with the first chart. */
import type { IRenderMime } from "@jupyterlab/rendermime-interfaces";
import { ChartWidget, PLOTLY_MIME_TYPE } from "./chart/chart-widget.ts";

const chartExtension: IRenderMime.IExtension = {
  id: "@mobula/jupyterlab:charts",
  description: "Shows Plotly figures.",
  rendererFactory: {
    safe: true,
    mimeTypes: [PLOTLY_MIME_TYPE],
    createRenderer: (options) => new ChartWidget(options),
  },
  // Before text/html (50), which the same output may carry for places that cannot draw figures.
  rank: 40,
  dataType: "json",
};

export default chartExtension;
