/** The few functions of Plotly that the chart renderer calls. */
declare module "plotly.js-strict-dist-min" {
  interface Plotly {
    /** Draw a figure into a node, or change the one that is there. Rejects or throws on figures it cannot draw. */
    react(node: HTMLElement, data: readonly object[], layout: object, config: object): Promise<unknown>;
    relayout(node: HTMLElement, changes: object): Promise<unknown>;
    addFrames(node: HTMLElement, frames: readonly object[]): Promise<unknown>;
    deleteFrames(node: HTMLElement): Promise<unknown>;
    /** Take the figure and its listeners out of a node. */
    purge(node: HTMLElement): void;
  }
  const plotly: Plotly;
  export default plotly;
}
