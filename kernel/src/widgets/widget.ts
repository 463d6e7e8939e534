/**
 * Widgets: a module that runs in the browser and a state that both sides change. The module is one of anywidget's front
 * end modules (AFM): `export default { render({ model, el }) { … } }`.
 *
 * @see https://anywidget.dev/en/afm/
 */
import { randomUUID } from "node:crypto";
import { JUPYTER_DISPLAY, type MimeBundle } from "../display/displayable.ts";
import { plainJson } from "../display/plain-json.ts";
import type { CommServer, ServedComm } from "../session/comm-server.ts";
import { currentContext, runInContext } from "../session/execution-context.ts";

export const WIDGET_TARGET = "mobula.widget.v1";
export const WIDGET_MIME_TYPE = "application/vnd.mobula.widget.v1+json";

export interface WidgetDefinition<State extends object> {
  /** The front end: text of an ES module whose default export has `render`, and perhaps `initialize`. */
  readonly esm: string;
  /** Styles of the front end. */
  readonly css?: string;
  /** What both sides see at first. Values must be such as JSON holds. */
  readonly state: State;
}

type Changed<State> = { readonly [Key in keyof State]?: State[Key] };

/** A widget in the notebook. It shows itself, in as many places as it is displayed; all of them share its state. */
export interface Widget<State extends object = Record<string, unknown>> {
  readonly id: string;
  /** The state as it is now. Change it with {@link Widget.set}. */
  readonly state: Readonly<State>;
  get<Key extends keyof State>(key: Key): State[Key];
  /** Change parts of the state, here and in the browser. Handlers of {@link Widget.onChange} are not called. */
  set(changed: Changed<State>): void;
  /**
   * Call `handler` when the browser has changed the state, with what it changed. What it prints appears under the cell
   * that registered it.
   *
   * @returns the way to stop.
   */
  onChange(handler: (changed: Changed<State>) => void): () => void;
  /** Send `content` to the front end, which hears it with `model.on("msg:custom", …)`. */
  send(content: unknown): void;
  /** Call `handler` with what the front end sends by `model.send(…)`. @returns the way to stop. */
  onMessage(handler: (content: unknown) => void): () => void;
  /** The widget is no longer needed: its places on the page become empty. */
  close(): void;
}

class NotebookWidget<State extends object> implements Widget<State> {
  readonly id: string = randomUUID();
  readonly #definition: WidgetDefinition<State>;
  readonly #views = new Set<ServedComm>();
  readonly #changeHandlers = new Set<(changed: Changed<State>) => void>();
  readonly #messageHandlers = new Set<(content: unknown) => void>();
  #state: State;

  constructor(definition: WidgetDefinition<State>) {
    this.#definition = definition;
    this.#state = { ...definition.state };
    widgets.set(this.id, this);
  }

  get state(): Readonly<State> {
    return this.#state;
  }

  get<Key extends keyof State>(key: Key): State[Key] {
    return this.#state[key];
  }

  set(changed: Changed<State>): void {
    this.#state = { ...this.#state, ...changed };
    this.#broadcast({ type: "update", state: plainJson(changed) });
  }

  onChange(handler: (changed: Changed<State>) => void): () => void {
    return subscribe(this.#changeHandlers, handler);
  }

  send(content: unknown): void {
    this.#broadcast({ type: "custom", content: plainJson(content) });
  }

  onMessage(handler: (content: unknown) => void): () => void {
    return subscribe(this.#messageHandlers, handler);
  }

  close(): void {
    widgets.delete(this.id);
    for (const view of this.#views) view.close({ reason: "The widget was closed." });
    this.#views.clear();
  }

  [JUPYTER_DISPLAY](): MimeBundle {
    const text = "A widget: shown in JupyterLab with Mobula's extension, while its kernel runs.";
    return { [WIDGET_MIME_TYPE]: { id: this.id }, "text/plain": text };
  }

  /** A place on the page wants to show this widget. */
  attach(view: ServedComm): void {
    const { esm, css = "" } = this.#definition;
    this.#views.add(view);
    view.onClose = () => this.#views.delete(view);
    view.onMessage = (data) => this.#hear(view, data);
    view.send({ type: "open", esm, css, state: plainJson(this.#state) });
  }

  #hear(from: ServedComm, data: Readonly<Record<string, unknown>>): void {
    if (data["type"] === "custom") {
      for (const handler of this.#messageHandlers) handler(data["content"]);
      return;
    }
    if (data["type"] !== "update" || typeof data["state"] !== "object" || data["state"] === null) return;
    const changed = data["state"] as Changed<State>;
    this.#state = { ...this.#state, ...changed };
    this.#broadcast({ type: "update", state: changed }, from);
    for (const handler of this.#changeHandlers) handler(changed);
  }

  #broadcast(message: object, except?: ServedComm): void {
    for (const view of this.#views) if (view !== except) view.send(message);
  }
}

/** Define and make a widget: what runs in the browser, and the state it shares with the notebook. */
export function widget<State extends object>(definition: WidgetDefinition<State>): Widget<State> {
  return new NotebookWidget(definition);
}

/** Answer the front ends that show widgets. */
export function serveWidgets(comms: CommServer): void {
  comms.serve(WIDGET_TARGET, (view, { id }) => {
    const shown = widgets.get(String(id));
    if (shown === undefined) view.close({ reason: "This widget is of an earlier run. Run its cell again." });
    else shown.attach(view);
  });
}

/** All widgets of this session: an output may show one as long as the session lives. */
const widgets = new Map<string, NotebookWidget<object>>();

/** Handlers run on behalf of the cell that registered them, and one that throws does not keep others from running. */
function subscribe<Value>(handlers: Set<(value: Value) => void>, handler: (value: Value) => void): () => void {
  const context = currentContext();
  const call = (value: Value): void => {
    runInContext(context, () => {
      try {
        handler(value);
      } catch (error) {
        console.error(error);
      }
    });
  };
  handlers.add(call);
  return () => handlers.delete(call);
}
