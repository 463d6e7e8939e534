/** Which scripts V8 runs, and which of them are the user's. */
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import type { CellBook } from "./cell-book.ts";

export class Scripts {
  readonly #cells: CellBook;
  /** Patterns of URLs whose code is stepped over, as V8 takes them. */
  readonly internalPatterns: readonly string[];
  readonly #internal: RegExp;
  readonly #urls = new Map<string, string>();

  /** @param internalPatterns - of the URLs of the kernel's own code. */
  constructor(cells: CellBook, internalPatterns: readonly string[]) {
    this.#cells = cells;
    this.internalPatterns = ["^node:", "/node_modules/", ...internalPatterns];
    this.#internal = new RegExp(this.internalPatterns.join("|"));
  }

  add(scriptId: string, url: string): void {
    this.#urls.set(scriptId, url);
  }

  url(scriptId: string): string {
    return this.#urls.get(scriptId) ?? "";
  }

  isUsers(url: string): boolean {
    return this.#cells.byUrl(url) !== undefined || (url.startsWith("file:") && !this.#internal.test(url));
  }

  /** The path by which the front end knows a script. */
  path(url: string): string {
    return this.#cells.byUrl(url)?.path ?? filePath(url);
  }

  name(url: string): string {
    const cell = this.#cells.byUrl(url);
    return cell === undefined ? basename(filePath(url)) : `cell [${cell.executionCount}]`;
  }

  /** The user's files that are loaded. */
  files(): { readonly name: string; readonly path: string }[] {
    const urls = [...new Set(this.#urls.values())];
    const paths = urls.filter((url) => this.isUsers(url) && this.#cells.byUrl(url) === undefined).map(filePath);
    return [...new Set(paths)].map((path) => ({ name: basename(path), path }));
  }

  clear(): void {
    this.#urls.clear();
  }
}

/** Without the version that a reloaded module carries. */
function filePath(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    return url;
  }
}

export function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
