/** The start of a worker process. Its connection comes up, on a thread of its own, while the program is loaded. */
import "./link.ts";

await import("./program.ts");
