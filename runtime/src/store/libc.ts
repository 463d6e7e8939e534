/** Functions of the C library. What calls them is loaded with the first call: a process starts earlier without it. */
import { createRequire } from "node:module";
import type Koffi from "koffi";

let koffi: typeof Koffi | undefined;

export function loadKoffi(): typeof Koffi {
  koffi ??= createRequire(import.meta.url)("koffi") as typeof Koffi;
  return koffi;
}

/** A function of the C library by its declaration in C. Looked up when it is called first. */
export function libcFunction(declaration: string): (...args: readonly unknown[]) => unknown {
  let fn: ((...args: readonly unknown[]) => unknown) | undefined;
  return (...args) => {
    fn ??= loadKoffi().load(null).func(declaration);
    return fn(...args);
  };
}
