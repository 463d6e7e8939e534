/** An engine with values: what the public functions and the refs of one cluster share. */
import { type AnyClass, type AnyFunction, type CapturedCode, captureFunction, lastCapture } from "../closure/index.ts";
import type { ActorCallSpec, CallJob, EncodedValue, Engine, ItemStream, TaskCode } from "../engine/engine.ts";
import { GetTimeoutError, ObjectLostError, TaskCancelledError } from "../errors.ts";
import { finalizer } from "../finalizers.ts";
import { notebookExecution } from "../notebook/host.ts";
import { EMPTY_LIST } from "../protocol/codec-constants.ts";
import { type ActorId, type ObjectId, resultOf, type TaskId } from "../protocol/ids.ts";
import type {
  ActorDescription,
  ActorSpec,
  ResourceAmounts,
  WireEnvironment,
  WireExecution,
  WireJob,
} from "../protocol/messages.ts";
import { pythonCodec } from "../python/python-codec.ts";
import { isOfPython } from "./actor-handle.ts";
import { cancelOnAbort, cancelStreamOnAbort, retryRule } from "./call-options.ts";
import { Getting } from "./getting.ts";
import { type Hold, isObjectRef, ObjectRef } from "./object-ref.ts";
import { type MethodOptions, timesOf } from "./options.ts";
import { type ResultStream, resultStream } from "./result-stream.ts";
import { environmentFrom, type RuntimeEnv } from "./runtime-env.ts";
import { type ArgumentCodec, ownId, ValueCodec, ValueHooks } from "./value-codec.ts";

/** The part of a worker's running call that calls made by it need. */
export interface CallContext {
  readonly taskId: TaskId;
  readonly name: string;
  readonly execution: WireExecution | undefined;
  readonly signal: AbortSignal;
  readonly call: { readonly depth: number; readonly attempt: number };
  readonly isOver: boolean;
  readonly isStopping: boolean;
  readonly job: WireJob | undefined;
  /** What was leased for it. */
  readonly resources: ResourceAmounts | undefined;
  /** Returns the way to unsubscribe. */
  onStop(listener: () => void): () => void;
}

/** What a worker adds: whose code runs, and that it waits. */
export interface RuntimeHooks {
  current(): CallContext | undefined;
  /** The call waits for a ref from now on. */
  onBlock(taskId: TaskId): void;
  onUnblock(taskId: TaskId): void;
  /** GPUs that its work has. */
  gpuIds(): readonly string[];
  readonly workerId: string;
  /** The actor that this process is. */
  actor(): Pick<ActorSpec, "actorId" | "name" | "resources" | "job"> | undefined;
  /** End the actor when what has begun is over. */
  exitActor(): void;
}

/** How long to wait for values. */
export interface GetOptions {
  /** Give up after this long, with a GetTimeoutError. Default: never. */
  readonly timeoutMs?: number;
  /** Stop waiting; the task goes on. */
  readonly signal?: AbortSignal;
}

const NO_OPTIONS: MethodOptions = {};

/** What every call carries on. */
export interface CallOrigin {
  readonly execution: WireExecution | undefined;
  readonly parent: TaskId | undefined;
  readonly depth: number;
  readonly job: CallJob;
}

const NO_ARGUMENTS: { readonly args: EncodedValue; readonly refs: undefined } = { args: EMPTY_LIST, refs: undefined };

/** Captured code is kept with its function, beyond the end of a cluster. */
const capturedFor = new WeakMap<CapturedCode, { readonly runtime: Runtime; readonly ids: readonly string[] }>();

/** A function as it travels. */
export interface CapturedFunction {
  readonly captured: CapturedCode;
  readonly code: TaskCode;
}

export class Runtime {
  readonly engine: Engine;
  readonly codec: ValueCodec;
  /** Refs and handles that were collected: their objects are used once less. */
  readonly collected: FinalizationRegistry<Hold>;
  readonly #hooks: RuntimeHooks | undefined;
  readonly #codes = new WeakMap<CapturedCode, CapturedFunction>();
  readonly #warned = new Set<string>();
  readonly #environment: WireEnvironment | undefined;
  readonly #environments = new WeakMap<RuntimeEnv, { readonly environment: WireEnvironment | undefined }>();

  readonly #driverOrigin: CallOrigin;

  /**
   * @param environment - that of work which asks for no other.
   * @param namespace - of names of actors; in a worker that of the job it works for.
   */
  constructor(engine: Engine, hooks?: RuntimeHooks, environment?: WireEnvironment, namespace = "default") {
    this.engine = engine;
    this.#environment = environment;
    this.#driverOrigin = { execution: undefined, parent: undefined, depth: 0, job: { namespace } };
    this.codec = new ValueCodec(this);
    this.#hooks = hooks;
    this.collected = finalizer(({ id }) => {
      if (id !== undefined) engine.unuse(id);
    });
  }

  /** The running call, in a worker. */
  get current(): CallContext | undefined {
    return this.#hooks?.current();
  }

  get gpuIds(): readonly string[] {
    return this.#hooks?.gpuIds() ?? [];
  }

  /** The environment that `runtimeEnv` makes of this process's. */
  environmentFor(runtimeEnv: RuntimeEnv | undefined): WireEnvironment | undefined {
    if (runtimeEnv === undefined) return this.#environment;
    let known = this.#environments.get(runtimeEnv);
    if (known === undefined) {
      known = { environment: environmentFrom(runtimeEnv, this.#environment) };
      this.#environments.set(runtimeEnv, known);
    }
    return known.environment;
  }

  /** Of a worker. */
  get worker(): Pick<RuntimeHooks, "workerId" | "actor" | "exitActor"> | undefined {
    return this.#hooks;
  }

  /** An actor works for the job that made it, whoever calls it. */
  get job(): CallJob {
    return this.#hooks?.actor()?.job ?? this.#hooks?.current()?.job ?? this.#driverOrigin.job;
  }

  origin(): CallOrigin {
    const current = this.#hooks?.current();
    const { job } = this;
    if (current !== undefined) {
      return { execution: current.execution, parent: current.taskId, depth: current.call.depth + 1, job };
    }
    const execution = notebookExecution();
    if (execution === undefined && this.#hooks === undefined) return this.#driverOrigin;
    return { execution, parent: undefined, depth: 0, job };
  }

  /** The function as code. A function redefined or with other captured values is other code. */
  capture(fn: AnyFunction | AnyClass, name: string): CapturedFunction {
    const last = lastCapture(fn);
    const known = last?.name === name ? this.#codes.get(last) : undefined;
    if (known !== undefined) return known;
    const hooks = new ValueHooks(this, name);
    const captured = captureFunction(fn, {
      name,
      hooks: { refOf: (ref) => hooks.refOf(ref), actorOf: (handle) => hooks.actorOf(handle) },
    });
    let found = this.#codes.get(captured);
    if (found === undefined) {
      const { handles } = hooks;
      this.#checkCaptured(captured, handles ?? [], name);
      const payload = handles === undefined ? captured.payload : { ...captured.payload, handles };
      found = { captured, code: { id: captured.id, payload } };
      this.#codes.set(captured, found);
      this.#warnOfLarge(captured);
    }
    return found;
  }

  /** Code that was captured for an earlier cluster can be used again, unless there are refs or handles of that one in it. */
  #checkCaptured(captured: CapturedCode, handles: readonly ActorId[], name: string): void {
    const first = capturedFor.get(captured);
    if (first === undefined) capturedFor.set(captured, { runtime: this, ids: [...captured.payload.refs, ...handles] });
    else if (first.runtime !== this && first.ids.length > 0) {
      throw new ObjectLostError(
        String(first.ids[0]),
        `'${name}' captured it from a cluster of this process that is gone`,
      );
    }
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
  encodeArguments(
    args: readonly unknown[],
    path: string,
    codec: ArgumentCodec = this.codec,
  ): Pick<ActorCallSpec, "args" | "refs"> {
    if (args.length === 0) return NO_ARGUMENTS;
    let refs: { index: number; id: ObjectId }[] | undefined;
    let plain: unknown[] | undefined;
    for (let index = 0; index < args.length; index++) {
      const arg = args[index];
      if (!isObjectRef(arg)) continue;
      refs ??= [];
      plain ??= [...args];
      refs.push({ index, id: ownId(this, arg) });
      plain[index] = undefined;
    }
    if (codec === this.codec) return { args: codec.encode(plain ?? args, path), refs };
    const places = new Map<ObjectId, number>();
    const place = (ref: object): number => {
      const id = ownId(this, ref as ObjectRef<unknown>);
      const index = places.get(id) ?? args.length + places.size;
      places.set(id, index);
      return index;
    };
    const encoded = codec.encode(plain ?? args, path, place);
    return { args: encoded, refs: [...(refs ?? []), ...[...places].map(([id, index]) => ({ index, id }))] };
  }

  // ── values ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param caller - the file and line that asks for it. */
  put<T>(value: T, caller?: () => string | undefined): ObjectRef<T> {
    // In a notebook the number of the cell that runs, or that started the task: that one is to be run again.
    const placeOf = (): string | undefined => this.origin().execution?.executionCount.toString() ?? caller?.();
    return new ObjectRef<T>(this, this.engine.put(this.codec.encode(value, "value"), placeOf));
  }

  getOne<T>(ref: ObjectRef<unknown>, options: GetOptions = {}): Promise<T> {
    const id = ref.id as ObjectId;
    if (this.engine.isReadable(id) && options.signal?.aborted !== true) {
      try {
        return Promise.resolve(this.codec.decodeRead(this.engine.read(id)) as T | Promise<T>);
      } catch (error) {
        return Promise.reject(error);
      }
    }
    const getting = new Getting(this.engine, this.codec, [ref]);
    return this.#finish(getting, options).then(firstOf) as Promise<T>;
  }

  /** Values in the refs' order. Rejects with the first failure. */
  getAll(refs: readonly ObjectRef<unknown>[], options: GetOptions): Promise<unknown[]> {
    return this.#finish(new Getting(this.engine, this.codec, refs), options);
  }

  #finish(getting: Getting, options: GetOptions): Promise<unknown[]> {
    if (options.signal?.aborted === true) {
      getting.stop();
      return Promise.reject(options.signal.reason);
    }
    if (
      getting.isOver ||
      (this.#hooks === undefined && options.timeoutMs === undefined && options.signal === undefined)
    ) {
      return new Promise((resolve, reject) => getting.whenOver(() => resolve(getting.values), reject));
    }
    return this.#pause(
      options,
      (timeoutMs) => new GetTimeoutError(getting.missingText, timeoutMs),
      (done, giveUp) => {
        getting.whenOver(done, giveUp);
        return () => getting.stop();
      },
    ).then(() => getting.values);
  }

  /** Resolves when `count` of the refs are settled, or the time is over. */
  waitFor(refs: readonly ObjectRef<unknown>[], count: number, options: GetOptions): Promise<void> {
    if (options.signal?.aborted !== true && hasSettled(refs, count)) return Promise.resolve();
    const unsettled = refs.filter((ref) => !ref.isSettled);
    let missing = count - (refs.length - unsettled.length);
    return this.#pause(
      options,
      () => undefined,
      (done) => {
        const settled = (): void => {
          if (--missing === 0) done();
        };
        const stops = unsettled.map((ref) => this.engine.whenSettled(ref.id as ObjectId, settled));
        return () => {
          for (const stop of stops) stop();
        };
      },
    );
  }

  /**
   * Wait for something that refs bring about.
   *
   * @param what - for the GetTimeoutError, e.g. `3 of 10 objects`.
   */
  waiting(arrival: Promise<void>, what: string, options: GetOptions): Promise<void> {
    return this.#pause(
      options,
      (timeoutMs) => new GetTimeoutError(what, timeoutMs),
      (done) => {
        void arrival.then(done);
        return () => {};
      },
    );
  }

  /**
   * Until `done` is called. In a worker the waiting call lends its CPU to others, and stops waiting when it is cancelled.
   *
   * @param late - what to reject with when the time is over; resolves when undefined.
   * @param subscribe - is told what to call at the end, or with an error; returns the way to unsubscribe.
   */
  #pause(
    { timeoutMs, signal }: GetOptions,
    late: (timeoutMs: number) => Error | undefined,
    subscribe: (done: () => void, giveUp: (error: unknown) => void) => () => void,
  ): Promise<void> {
    const context = this.#hooks?.current();
    const isTask = context !== undefined && !context.isOver;
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      let stop: () => void = () => {};
      let forget: () => void = () => {};
      let isOver = false;
      const end = (finish: () => void): void => {
        if (isOver) return;
        isOver = true;
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        if (isTask) {
          forget();
          this.#hooks?.onUnblock(context.taskId);
        }
        stop();
        finish();
      };
      const onAbort = (): void => end(() => reject(signal?.reason));
      const onCancel = (): void =>
        end(() => reject(new TaskCancelledError(context?.name ?? "task", "it was cancelled while it waited")));
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
        timer = setTimeout(() => {
          const error = late(timeoutMs);
          end(() => (error === undefined ? resolve() : reject(error)));
        }, timeoutMs);
      }
      stop = subscribe(
        () => end(resolve),
        (error) => end(() => reject(error)),
      );
      if (isTask && context.isStopping) onCancel();
    });
  }

  // ── actors and streams ────────────────────────────────────────────────────────────────────────────────────────────

  callActor(
    _handle: object,
    description: ActorDescription,
    method: string,
    args: readonly unknown[],
    options: MethodOptions = NO_OPTIONS,
  ): unknown {
    const { signal, timeoutMs, streamWindow, retryOn, maxTaskRetries = description.maxTaskRetries } = options;
    signal?.throwIfAborted();
    const name = options.name ?? `${description.className}.${method}`;
    const shouldRetry = retryRule(retryOn);
    const codec = isOfPython(description) ? pythonCodec : this.codec;
    const { args: encoded, refs } = this.encodeArguments(args, `${name} arguments`, codec);
    const { execution, parent, depth, job } = this.origin();
    const spec: ActorCallSpec = {
      args: encoded,
      refs,
      execution,
      parent,
      depth,
      name,
      actorId: description.actorId,
      method,
      retries: timesOf(maxTaskRetries),
      job,
      timeoutMs,
      streamWindow,
      shouldRetry,
    };
    if (description.streamMethods.includes(method)) {
      const stream = this.engine.callActorStream(spec);
      if (signal !== undefined) cancelStreamOnAbort(this, resultOf(stream.taskId), signal);
      return this.items(stream);
    }
    const id = this.engine.callActor(spec);
    const ref = new ObjectRef(this, id);
    if (signal !== undefined) cancelOnAbort(this, id, signal);
    return ref;
  }

  /** The items of a stream. Closing it, or leaving a loop over it early, cancels the task. */
  items(stream: ItemStream): ResultStream<unknown> {
    const next = async (): Promise<{ ref: ObjectRef<unknown> } | undefined> => {
      const id = await this.#nextOf(stream);
      return id === undefined ? undefined : { ref: new ObjectRef<unknown>(this, id) };
    };
    const items = resultStream(next, () => stream.close());
    this.#abandoned.register(items, stream);
    return items;
  }

  /** In a worker the call that waits for an item lends its CPU: the task that makes it may need it. */
  async #nextOf(stream: ItemStream): Promise<ObjectId | undefined> {
    const next = stream.next();
    if (this.#hooks?.current() === undefined) return next;
    let isHere = false;
    const here = (): void => {
      isHere = true;
    };
    const arrived = next.then(here, here);
    await Promise.resolve();
    const never = (): undefined => undefined;
    if (!isHere) await this.#pause({}, never, (done) => (void arrived.then(done), () => {}));
    return next;
  }

  /** A stream that was never read to its end holds a worker: let go with it. */
  readonly #abandoned: FinalizationRegistry<ItemStream> = new FinalizationRegistry((stream) => stream.close());
}

/** Are at least `count` of them there? Looks no further than it must: of thousands the first are mostly there first. */
function hasSettled(refs: readonly ObjectRef<unknown>[], count: number): boolean {
  let found = 0;
  for (const ref of refs) {
    if (found >= count) break;
    if (ref.isSettled) found++;
  }
  return found >= count;
}

function firstOf(values: readonly unknown[]): unknown {
  return values[0];
}
