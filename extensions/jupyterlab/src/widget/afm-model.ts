/**
 * The model that a widget's front-end module works with, as anywidget's front-end modules (AFM) expect it.
 *
 * @see https://anywidget.dev/en/afm/
 */

type Listener = (...values: never[]) => void;

/** Values by name. */
export type WidgetState = Readonly<Record<string, unknown>>;

export interface ModelEvents {
  /** The module changed these values and asked to save them. */
  readonly onSave: (changed: WidgetState) => void;
  readonly onSend: (content: unknown) => void;
}

/** State of a widget in the page. Changes made here travel with `save_changes`; changes from the kernel arrive by `receive`. */
export class AfmModel {
  readonly #events: ModelEvents;
  readonly #listeners = new Map<string, Set<Listener>>();
  #state: Record<string, unknown>;
  #unsaved: Record<string, unknown> = {};

  constructor(state: WidgetState, events: ModelEvents) {
    this.#state = { ...state };
    this.#events = events;
  }

  get(key: string): unknown {
    return this.#state[key];
  }

  set(key: string, value: unknown): void {
    if (Object.is(this.#state[key], value)) return;
    this.#state[key] = value;
    this.#unsaved[key] = value;
    this.#emit(`change:${key}`, value);
    this.#emit("change");
  }

  save_changes(): void {
    const changed = this.#unsaved;
    this.#unsaved = {};
    if (Object.keys(changed).length > 0) this.#events.onSave(changed);
  }

  /** Events: `change:name`, `change`, `msg:custom`. */
  on(event: string, listener: Listener): void {
    const known = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, known.add(listener));
  }

  /** Without a listener, all of the event; without an event, all. */
  off(event?: string | null, listener?: Listener | null): void {
    const events = event === undefined || event === null ? [...this.#listeners.keys()] : [event];
    for (const name of events) {
      if (listener === undefined || listener === null) this.#listeners.delete(name);
      else this.#listeners.get(name)?.delete(listener);
    }
  }

  send(content: unknown): void {
    this.#events.onSend(content);
  }

  /** The kernel changed values. What the module has not saved yet gives way to them. */
  receive(changed: WidgetState): void {
    for (const [key, value] of Object.entries(changed)) {
      this.#state[key] = value;
      delete this.#unsaved[key];
    }
    for (const [key, value] of Object.entries(changed)) this.#emit(`change:${key}`, value);
    this.#emit("change");
  }

  /** The kernel sent a message of its own. */
  receiveCustom(content: unknown): void {
    for (const listener of [...(this.#listeners.get("msg:custom") ?? [])]) listener(...([content, []] as never[]));
  }

  /** Listeners get the model first, as those of Backbone do, and then the new value. */
  #emit(event: string, value?: unknown): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) listener(...([this, value] as never[]));
  }
}
