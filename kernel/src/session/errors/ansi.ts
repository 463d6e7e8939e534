/** ANSI colours of tracebacks; front ends translate them to their theme. */
type Paint = (text: string) => string;

export const red: Paint = paint("31");
export const boldRed: Paint = paint("1;31");
export const cyan: Paint = paint("36");
export const dim: Paint = paint("2");

function paint(code: string): Paint {
  return (text) => `\u001b[${code}m${text}\u001b[0m`;
}
