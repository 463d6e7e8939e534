/** A chart in the output of a cell. The chart library is large: it is loaded when the first chart is shown. */
import type { IRenderMime } from "@jupyterlab/rendermime-interfaces";
import type { Message } from "@lumino/messaging";
import { Widget } from "@lumino/widgets";
import type Plotly from "plotly.js-strict-dist-min";
import { type ChartTheme, type Figure, figureHeight, hasOwnWidth, layoutToDraw, readFigure } from "./figure.ts";

export const PLOTLY_MIME_TYPE = "application/vnd.plotly.v1+json";

/** Width while the output is not in the page. */
const UNKNOWN_WIDTH_PX = 700;

/** Draws one figure; as wide as the output area, in the colours of the theme, also after these change. */
export class ChartWidget extends Widget implements IRenderMime.IRenderer {
  readonly #mimeType: string;
  readonly #resizeObserver = new ResizeObserver(() => this.#scheduleResize());
  readonly #themeObserver = new MutationObserver(() => void this.#draw());
  #plotly: typeof Plotly | null = null;
  #figure: Figure | null = null;
  #drawnWidthPx = 0;
  #resizeRequest = 0;

  constructor({ mimeType }: IRenderMime.IRendererOptions) {
    super();
    this.#mimeType = mimeType;
    this.addClass("mobula-Chart");
    this.#resizeObserver.observe(this.node);
    // A renderer is not given the theme manager; this attribute changes once the new theme's styles are in force.
    this.#themeObserver.observe(document.body, { attributeFilter: ["data-jp-theme-name", "data-jp-theme-light"] });
  }

  /** Show the figure of an output. Errors in the figure are shown in its place. */
  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    try {
      this.#figure = readFigure(model.data[this.#mimeType]);
      this.node.style.height = `${figureHeight(this.#figure)}px`;
      this.#plotly ??= await loadPlotly();
    } catch (error) {
      this.#showError(error);
      return;
    }
    await this.#draw();
  }

  override dispose(): void {
    if (this.isDisposed) return;
    this.#resizeObserver.disconnect();
    this.#themeObserver.disconnect();
    cancelAnimationFrame(this.#resizeRequest);
    this.#plotly?.purge(this.node);
    super.dispose();
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.#scheduleResize();
  }

  async #draw(): Promise<void> {
    const plotly = this.#plotly;
    const figure = this.#figure;
    if (!plotly || !figure || this.isDisposed) return;
    const widthPx = this.node.clientWidth || UNKNOWN_WIDTH_PX;
    const config = { displaylogo: false, ...figure.config, responsive: false };
    try {
      this.node.querySelector(".mobula-Chart-error")?.remove();
      await plotly.react(this.node, structuredClone(figure.data), layoutToDraw(figure, readTheme(), widthPx), config);
      if (figure.frames.length > 0) {
        await plotly.deleteFrames(this.node);
        await plotly.addFrames(this.node, structuredClone(figure.frames));
      }
      this.#drawnWidthPx = widthPx;
    } catch (error) {
      plotly.purge(this.node);
      this.#showError(error);
    }
    this.#scheduleResize(); // The output may have come into the page meanwhile.
  }

  #scheduleResize(): void {
    cancelAnimationFrame(this.#resizeRequest);
    this.#resizeRequest = requestAnimationFrame(() => void this.#resize());
  }

  async #resize(): Promise<void> {
    const widthPx = this.node.clientWidth;
    const isDrawn = this.#drawnWidthPx > 0 && !this.isDisposed;
    if (!this.#plotly || !this.#figure || !isDrawn || hasOwnWidth(this.#figure)) return;
    if (widthPx === 0 || widthPx === this.#drawnWidthPx) return;
    this.#drawnWidthPx = widthPx;
    await this.#plotly.relayout(this.node, { width: widthPx });
  }

  #showError(error: unknown): void {
    if (this.isDisposed) return;
    this.#figure = null;
    this.#drawnWidthPx = 0;
    this.node.style.height = "";
    const text = document.createElement("div");
    text.className = "mobula-Chart-error";
    text.setAttribute("role", "alert");
    text.textContent = `This chart cannot be drawn. ${error instanceof Error ? error.message : String(error)}`;
    this.node.replaceChildren(text);
  }
}

async function loadPlotly(): Promise<typeof Plotly> {
  try {
    return (await import("plotly.js-strict-dist-min")).default;
  } catch (error) {
    throw new Error("The chart library could not be loaded; check the connection and run the cell again.", {
      cause: error,
    });
  }
}

function readTheme(): ChartTheme {
  const style = getComputedStyle(document.body);
  const read = (name: string) => style.getPropertyValue(name).trim();
  return {
    font: read("--jp-ui-font-family"),
    text: read("--jp-ui-font-color1"),
    paper: read("--jp-layout-color0"),
    grid: read("--jp-border-color2"),
    axis: read("--jp-border-color0"),
  };
}
