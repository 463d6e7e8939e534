/** The start of a head process. The first worker boots while the program is loaded. */
import "./first-worker.ts";

await import("./head-program.ts");
