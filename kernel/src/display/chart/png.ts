/** SVG to PNG, without a browser. */

/** The PNG of `svg`, or undefined where the renderer is not built for this platform: the SVG serves alone there. */
export async function renderPng(svg: string): Promise<Uint8Array | undefined> {
  try {
    // Loaded at the first chart: it is native code that most notebooks never need.
    const { renderAsync } = await import("@resvg/resvg-js");
    const image = await renderAsync(svg, { font: { defaultFontFamily: "DejaVu Sans" } });
    return image.asPng();
  } catch {
    return undefined;
  }
}
