/**
 * Emphasis in tracebacks, as ANSI codes that front ends translate. Weight rather than colour: JupyterLab's red and grey are
 * hard to read on the red background that it gives errors in its dark themes.
 */
type Paint = (text: string) => string;

export const bold: Paint = paint("1");
export const cyan: Paint = paint("36");
export const yellow: Paint = paint("33");
/** Terminals show it paler; JupyterLab shows it as plain text. */
export const dim: Paint = paint("2");

function paint(code: string): Paint {
  return (text) => `\u001b[${code}m${text}\u001b[0m`;
}
