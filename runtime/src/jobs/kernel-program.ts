import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Path of the program that is the kernel. */
export function kernelMain(): string {
  return join(dirname(fileURLToPath(import.meta.resolve("@mobula/kernel"))), "main.js");
}
