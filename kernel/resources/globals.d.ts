/**
 * What every cell finds without an import. The session process defines these names.
 * A cell may declare a name of its own that is equal to one of them; libraries keep seeing the helper.
 */

/** A value that knows how it looks in a notebook: the last expression of a cell, or an argument of `display`. */
interface Displayable {
  /** `[Symbol.for("Jupyter.display")]()` returns a MIME bundle, or a promise of one. */
  readonly [key: symbol]: () => Record<string, unknown> | PromiseLike<Record<string, unknown>>;
}

/** A columnar table, such as one of Apache Arrow: seen through its columns, never copied row by row. */
interface ArrowLike {
  readonly numRows: number;
  readonly numCols: number;
  readonly schema: { readonly fields: readonly { readonly name: string }[] };
  getChildAt(index: number): { get(row: number): unknown } | null;
}

/**
 * Show a value below the cell.
 *
 * @param options.id - a name for what is shown, so that it can be replaced later.
 * @param options.update - replace what is shown under `id` instead of showing it anew.
 */
declare function display(value: unknown, options?: { id?: string; update?: boolean }): Promise<void>;

/** A formula in LaTeX, as it is written: backslashes need no doubling. */
declare function latex(strings: TemplateStringsArray | string, ...values: unknown[]): Displayable;

/**
 * A picture: a PNG, JPEG, GIF or WebP as bytes, or an SVG document as bytes or text.
 *
 * @param options.width - on the page, in CSS pixels; `height` likewise.
 */
declare function image(
  content: Uint8Array | ArrayBuffer | string,
  options?: { width?: number; height?: number },
): Displayable;

/**
 * A value in the front end's own viewer for JSON.
 *
 * @param options.expanded - fold everything out at first.
 */
declare function json(value: unknown, options?: { expanded?: boolean }): Displayable;

/** HTML to show. Inserted values are escaped, except those made by `html` or `svg`. */
declare function html(strings: TemplateStringsArray, ...values: unknown[]): Displayable;

/** Markdown to show. */
declare function md(strings: TemplateStringsArray, ...values: unknown[]): Displayable;

/** An SVG image to show. */
declare function svg(strings: TemplateStringsArray, ...values: unknown[]): Displayable;

/**
 * Records or columns as a table.
 *
 * @param options.rows - how many rows to show at most.
 */
declare function table(rows: Iterable<object> | ArrowLike, options?: { rows?: number }): Displayable;

/** A Plotly chart: `data` holds its traces. */
declare function plotly(figure: { data: object[]; layout?: object }): Displayable;

/** A widget: a module in the browser and a state that the notebook and the browser both change. It shows itself. */
interface NotebookWidget<State extends object> extends Displayable {
  /** The state as it is now. Change it with `set`. */
  readonly state: Readonly<State>;
  get<Key extends keyof State>(key: Key): State[Key];
  /** Change parts of the state, here and in the browser. */
  set(changed: { readonly [Key in keyof State]?: State[Key] }): void;
  /** Hear what the browser changed. Returns the way to stop. */
  onChange(handler: (changed: { readonly [Key in keyof State]?: State[Key] }) => void): () => void;
  /** Send something to the front end, which hears it with `model.on("msg:custom", …)`. */
  send(content: unknown): void;
  /** Hear what the front end sends with `model.send(…)`. Returns the way to stop. */
  onMessage(handler: (content: unknown) => void): () => void;
  /** Empty its places on the page. */
  close(): void;
}

/**
 * Make a widget.
 *
 * @param definition.esm - text of an ES module as anywidget takes it: `export default { render({ model, el }) { … } }`.
 * @param definition.css - styles for it.
 * @param definition.state - what both sides see at first: values that JSON can hold.
 */
declare function widget<State extends object>(definition: {
  esm: string;
  css?: string;
  state: State;
}): NotebookWidget<State>;

/**
 * Remove what this cell has shown so far.
 *
 * @param wait - remove it when the next output arrives, so that nothing flickers.
 */
declare function clearOutput(wait?: boolean): void;

/**
 * Ask the user, and wait: nothing else of the notebook runs meanwhile. `null` when the user ends the input (Ctrl-D).
 *
 * @param fallback - what an empty answer stands for.
 */
declare function prompt(text?: string, fallback?: string): string | null;
/** Ask the user for a secret, which is not shown while it is typed. */
declare function prompt(text: string, options: { password: boolean }): string | null;

/** Ask the user a question that `y` or `yes` agrees to, and wait: nothing else of the notebook runs meanwhile. */
declare function confirm(text?: string): boolean;

/**
 * Ask the user, and let tasks and timers go on meanwhile.
 *
 * @param options.password - do not show what is typed.
 */
declare function input(text?: string, options?: { password?: boolean }): Promise<string>;
