/** Packages that notebooks may import without having them: specifier → the module of this package that stands for it. */
const STAND_INS: Readonly<Record<string, string>> = { tslab: "@mobula/kernel/tslab" };

/** What to import when `specifier` is not installed; `specifier` itself for everything that has no stand-in. */
export function standInFor(specifier: string): string {
  return Object.hasOwn(STAND_INS, specifier) ? (STAND_INS[specifier] as string) : specifier;
}
