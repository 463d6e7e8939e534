/** An engine with values: what the public functions and the refs of one cluster share. */
import { type AnyClass, type AnyFunction, type CapturedCode, captureFunction } from "../closure/index.ts";
import type { ActorCallSpec, Engine, ItemStream, TaskCode } from "../engine/engine.ts";
import { GetTimeoutError, TaskCancelledError } from "../errors.ts";
import { notebookExecution } from "../notebook/host.ts";
import type { ActorId, ObjectId, TaskId } from "../protocol/ids.ts";
import type { ActorDescription, WireExecution } from "../protocol/messages.ts";
import { isObjectRef, ObjectRef } from "./object-ref.ts";
import { type ResultStream, resultStream } from "./result-stream.ts";
import { encodeHooks, ValueCodec } from "./value-codec.ts";

/** The part of a worker's running call that calls made by it need. */
export interface CallContext {
  readonly taskId: TaskId;
  readonly name: string;
  readonly execution: WireExecution | undefined;
  readonly signal: AbortSignal;
  readonly call: { readonly depth: number; readonly attempt: number };
  readonly isOver: boolean;
  readonly isStopping: boolean;
  /** Returns the way to unsubscribe. */
  onStop(listener: () => void): () => void;
}

/** What a worker adds: whose code runs, and that it waits. */
export interface RuntimeHooks {
  current(): CallContext | undefined;
  /** The call waits for a ref from now on. */
  onBlock(taskId: TaskId): void;
  onUnblock(taskId: TaskId): void;
}

export interface GetOptions {
  /** Give up after this long, with a GetTimeoutError. Default: never. */
  readonly timeoutMs?: number;
  /** Stop waiting; the task goes on. */
  readonly signal?: AbortSignal;
}

/** What every call carries on. */
export interface CallOrigin {
  readonly execution?: WireExecution;
  readonly parent?: TaskId;
  readonly depth: number;
}

export class Runtime {
  readonly engine: Engine;
  readonly codec: ValueCodec;
  /** Refs and handles that were collected: their objects are used once less. */
  readonly collected: FinalizationRegistry<ObjectId | ActorId>;
  readonly #hooks: RuntimeHooks | undefined;
  readonly #codes = new WeakMap<CapturedCode, TaskCode>();
  readonly #warned = new Set<string>();

  constructor(engine: Engine, hooks?: RuntimeHooks) {
    this.engine = engine;
    this.codec = new ValueCodec(this);
    this.#hooks = hooks;
    this.collected = new FinalizationRegistry((id) => engine.unuse(id));
  }

  /** The running call, in a worker. */
  get current(): CallContext | undefined {
    return this.#hooks?.current();
  }

  origin(): CallOrigin {
    const current = this.#hooks?.current();
    if (current !== undefined) {
      const execution = current.execution === undefined ? {} : { execution: current.execution };
      return { ...execution, parent: current.taskId, depth: current.call.depth + 1 };
    }
    const execution = notebookExecution();
    return execution === undefined ? { depth: 0 } : { execution, depth: 0 };
  }

  /** The function as code. A function redefined or with other captured values is other code. */
  capture(fn: AnyFunction | AnyClass, name: string): { readonly captured: CapturedCode; readonly code: TaskCode } {
    const handles: ActorId[] = [];
    const captured = captureFunction(fn, { name, hooks: encodeHooks(handles) });
    let code = this.#codes.get(captured);
    if (code === undefined) {
      code = { id: captured.id, payload: handles.length === 0 ? captured.payload : { ...captured.payload, handles } };
      this.#codes.set(captured, code);
      this.#warnOfLarge(captured);
    }
    return { captured, code };
  }

  #warnOfLarge(captured: CapturedCode): void {
    for (const { name, sizeBytes } of captured.large) {
      const key = `${captured.name} ${name}`;
      if (this.#warned.has(key)) continue;
      this.#warned.add(key);
      const megabytes = Math.round(sizeBytes / 1e6);
      process.emitWarning(
        `Task '${captured.name}' captures '${name}' (${megabytes} MB). It is stored once per version; put(${name}) and ` +
          "passing the ref as an argument makes that visible and lets you drop it.",
        "MobulaWarning",
      );
    }
  }

  /** Arguments as the engine wants them: refs apart, the rest encoded. */
  encodeArguments(args: readonly unknown[], path: string): Pick<ActorCallSpec, "args" | "refs"> {
    let refs: { index: number; id: ObjectId }[] | undefined;
    let plain: unknown[] | undefined;
    for (const [index, arg] of args.entries()) {
      if (!isObjectRef(arg)) continue;
      refs ??= [];
      plain ??= [...args];
      refs.push({ index, id: arg.id as ObjectId });
      plain[index] = undefined;
    }
    const encoded = this.codec.encode(plain ?? args, path);
    return refs === undefined ? { args: encoded } : { args: encoded, refs };
  }

  // ── values ────────────────────────────────────────────────────────────────────────────────────────────────────────

  put<T>(value: T): ObjectRef<T> {
    return new ObjectRef<T>(this, this.engine.put(this.codec.encode(value, "value")));
  }

  getOne<T>(ref: ObjectRef<unknown>, options: GetOptions = {}): Promise<T> {
    const id = ref.id as ObjectId;
    if (this.engine.isSettled(id) && options.signal?.aborted !== true) {
      try {
        return Promise.resolve(this.codec.decode(this.engine.read(id)) as T | Promise<T>);
      } catch (error) {
        return Promise.reject(error);
      }
    }
    // The ref itself may be collected while its value is awaited.
    this.engine.use(id);
    return this.#wait(id, options)
      .then(() => this.codec.decode(this.engine.read(id)) as T | Promise<T>)
      .finally(() => this.engine.unuse(id));
  }

  /** Until the object is there. In a worker the waiting call lends its CPU to others. */
  #wait(id: ObjectId, { timeoutMs, signal }: GetOptions): Promise<void> {
    const context = this.#hooks?.current();
    const isTask = context !== undefined && !context.isOver;
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      let stop: () => void = () => {};
      let forget: () => void = () => {};
      let isOver = false;
      const over = (): boolean => {
        if (isOver) return false;
        isOver = true;
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        if (isTask) {
          forget();
          this.#hooks?.onUnblock(context.taskId);
        }
        return true;
      };
      const give = (error: unknown): void => {
        if (!over()) return;
        stop();
        reject(error);
      };
      const onAbort = (): void => give(signal?.reason);
      const onCancel = (): void =>
        give(new TaskCancelledError(context?.name ?? "task", "it was cancelled while it waited"));
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      if (isTask) {
        this.#hooks?.onBlock(context.taskId);
        forget = context.onStop(onCancel);
      }
      signal?.addEventListener("abort", onAbort);
      if (timeoutMs !== undefined) {
        timer = setTimeout(() => give(new GetTimeoutError(`object ${id}`, timeoutMs)), timeoutMs);
      }
      stop = this.engine.whenSettled(id, () => {
        if (over()) resolve();
      });
      if (isTask && context.isStopping) onCancel();
    });
  }

  /** Resolves when `count` of the refs are settled, or the time is over. */
  waitFor(refs: readonly ObjectRef<unknown>[], count: number, { timeoutMs, signal }: GetOptions): Promise<void> {
    const context = this.#hooks?.current();
    return new Promise((resolve, reject) => {
      let missing = count;
      const stops: (() => void)[] = [];
      const end = (finish: () => void): void => {
        if (missing === Number.POSITIVE_INFINITY) return;
        missing = Number.POSITIVE_INFINITY;
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        forget?.();
        for (const stop of stops) stop();
        if (isBlocked && context !== undefined) this.#hooks?.onUnblock(context.taskId);
        finish();
      };
      const onAbort = (): void => end(() => reject(signal?.reason));
      const onCancel = (): void =>
        end(() => reject(new TaskCancelledError(context?.name ?? "task", "it was cancelled while it waited")));
      const timer = timeoutMs === undefined ? undefined : setTimeout(() => end(resolve), timeoutMs);
      let isBlocked = false;
      signal?.addEventListener("abort", onAbort);
      const forget = context?.onStop(onCancel);
      if (signal?.aborted === true) onAbort();
      const unsettled = refs.filter((ref) => !ref.isSettled);
      missing -= refs.length - unsettled.length;
      if (missing <= 0) {
        end(resolve);
        return;
      }
      if (missing === Number.POSITIVE_INFINITY) return;
      isBlocked = context !== undefined && !context.isOver;
      if (isBlocked && context !== undefined) this.#hooks?.onBlock(context.taskId);
      const settled = (): void => {
        if (--missing <= 0) end(resolve);
      };
      for (const ref of unsettled) stops.push(this.engine.whenSettled(ref.id as ObjectId, settled));
    });
  }

  // ── actors and streams ────────────────────────────────────────────────────────────────────────────────────────────

  callActor(_handle: object, description: ActorDescription, method: string, args: readonly unknown[]): unknown {
    const name = `${description.className}.${method}`;
    const spec: ActorCallSpec = {
      ...this.encodeArguments(args, `${name} arguments`),
      ...this.origin(),
      name,
      actorId: description.actorId,
      method,
      retries: description.retries,
    };
    if (description.streamMethods.includes(method)) return this.items(this.engine.callActorStream(spec));
    return new ObjectRef(this, this.engine.callActor(spec));
  }

  /** The items of a stream. Closing it, or leaving a loop over it early, cancels the task. */
  items(stream: ItemStream): ResultStream<unknown> {
    const next = async (): Promise<{ ref: ObjectRef<unknown> } | undefined> => {
      const id = await stream.next();
      return id === undefined ? undefined : { ref: new ObjectRef<unknown>(this, id) };
    };
    const items = resultStream(next, () => stream.close());
    this.#abandoned.register(items, stream);
    return items;
  }

  /** A stream that was never read to its end holds a worker: let go with it. */
  readonly #abandoned: FinalizationRegistry<ItemStream> = new FinalizationRegistry((stream) => stream.close());
}
