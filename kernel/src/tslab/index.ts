/**
 * What `import * as tslab from "tslab"` brings in a notebook where tslab is not installed: the public API of tslab 1.0.22,
 * so that notebooks written for it run as they are.
 *
 * @see https://github.com/yunabe/tslab
 */
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { NOTEBOOK_HOST, type NotebookHost } from "../session/notebook-host.ts";

export interface Versions {
  /** The version of tslab whose API this is. */
  readonly tslab: string;
  readonly typescript: string;
  readonly node: string;
}

export const versions: Versions = {
  tslab: "1.0.22",
  typescript: (createRequire(import.meta.url)("typescript/package.json") as { version: string }).version,
  node: process.version,
};

export interface Display {
  javascript(s: string): void;
  html(s: string): void;
  markdown(s: string): void;
  latex(s: string): void;
  svg(s: string): void;
  png(b: Uint8Array): void;
  jpeg(b: Uint8Array): void;
  gif(b: Uint8Array): void;
  pdf(b: Uint8Array): void;
  text(s: string): void;
  /** A value, or its JSON text, for the front end's viewer. tslab itself has no such method. */
  json(value: unknown): void;
  /** Show `b` as `contentType`; bytes are sent as base64. */
  raw(contentType: string, b: string | Uint8Array): void;
}

/** A new `Display` with one place on the page: what it shows replaces what it showed before. */
export function newDisplay(): Display {
  return new HostDisplay(randomBytes(8).toString("hex"));
}

class HostDisplay implements Display {
  readonly #displayId: string | undefined;
  #hasShown = false;

  constructor(displayId?: string) {
    this.#displayId = displayId;
  }

  javascript(s: string): void {
    this.#show("text/javascript", s);
  }

  html(s: string): void {
    this.#show("text/html", s);
  }

  markdown(s: string): void {
    this.#show("text/markdown", s);
  }

  latex(s: string): void {
    this.#show("text/latex", s);
  }

  svg(s: string): void {
    this.#show("image/svg+xml", s);
  }

  png(b: Uint8Array): void {
    this.raw("image/png", b);
  }

  jpeg(b: Uint8Array): void {
    this.raw("image/jpeg", b);
  }

  gif(b: Uint8Array): void {
    this.raw("image/gif", b);
  }

  pdf(b: Uint8Array): void {
    this.raw("application/pdf", b);
  }

  text(s: string): void {
    this.#show("text/plain", s);
  }

  json(value: unknown): void {
    this.#show("application/json", typeof value === "string" ? (JSON.parse(value) as unknown) : value);
  }

  raw(contentType: string, b: string | Uint8Array): void {
    this.#show(contentType, typeof b === "string" ? b : Buffer.from(b).toString("base64"));
  }

  #show(contentType: string, content: unknown): void {
    const host = (globalThis as Record<symbol, unknown>)[NOTEBOOK_HOST] as NotebookHost | undefined;
    if (host === undefined) throw new Error("tslab's display works in notebooks only.");
    const id = this.#displayId === undefined ? {} : { displayId: this.#displayId };
    const isUpdate = this.#displayId !== undefined && this.#hasShown;
    this.#hasShown = true;
    host.display(host.currentExecution(), { [contentType]: content }, { ...id, isUpdate });
  }
}

/** Shows rich content under the cell that calls it. */
export const display: Display = new HostDisplay();
