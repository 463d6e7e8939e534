/** Values of the user as payloads of the engine, with refs and actor handles as themselves. */
import { closureReader, closureWriter } from "../closure/index.ts";
import type { EncodedValue } from "../engine/engine.ts";
import { ActorDiedError, ObjectLostError } from "../errors.ts";
import {
  type CodeWriter,
  type DecodeHooks,
  decode,
  type EncodeHooks,
  encode,
  type Payload,
  preload,
} from "../protocol/codec.ts";
import type { ActorId, ObjectId } from "../protocol/ids.ts";
import type { ActorDescription } from "../protocol/messages.ts";
import { actorDescriptionOf, makeHandle, runtimeOf } from "./actor-handle.ts";
import { ObjectRef } from "./object-ref.ts";
import type { Runtime } from "./runtime.ts";

const OF_EARLIER_CLUSTER = "it belongs to an earlier cluster of this process, which is gone";

/**
 * The id of a ref of this cluster. In an earlier one the same id was another object.
 *
 * @throws ObjectLostError for refs of an earlier cluster
 */
export function ownId(runtime: Runtime, ref: ObjectRef<unknown>): ObjectId {
  if (ref.runtime !== runtime) throw new ObjectLostError(ref.id, OF_EARLIER_CLUSTER);
  return ref.id as ObjectId;
}

/** Encodes the arguments of calls. */
export interface ArgumentCodec {
  /**
   * @param path - how errors call the value.
   * @param place - of a ref inside it, where refs do not travel: the index of the argument that its value comes as.
   */
  encode(value: unknown, path: string, place?: (ref: object) => number): EncodedValue;
}

export class ValueCodec {
  readonly decodeHooks: DecodeHooks;
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.decodeHooks = {
      code: closureReader,
      makeRef: (id) => {
        runtime.engine.use(id as ObjectId);
        return new ObjectRef(runtime, id as ObjectId);
      },
      makeActor: (description) => {
        const actor = description as ActorDescription;
        runtime.engine.use(actor.actorId);
        return makeHandle(runtime, actor);
      },
    };
  }

  /** @param path - how errors call the value. */
  encode(value: unknown, path: string): EncodedValue {
    const hooks = new ValueHooks(this.#runtime, path);
    const payload = encode(value, hooks);
    return hooks.handles === undefined ? payload : { ...payload, handles: hooks.handles };
  }

  /** As `decode`, of what the engine read; a promise when that is one. */
  decodeRead(payload: Payload | Promise<Payload>): unknown {
    return payload instanceof Promise ? payload.then((payload) => this.decode(payload)) : this.decode(payload);
  }

  /** The value, or a promise when modules have to be loaded first. */
  decode(payload: Payload): unknown {
    const loading = preload(payload, this.decodeHooks);
    if (loading === undefined) return decode(payload, this.decodeHooks);
    return loading.then(() => decode(payload, this.decodeHooks));
  }
}

/** What `encode` asks, answered for one value. */
export class ValueHooks implements EncodeHooks {
  readonly path: string;
  readonly code: CodeWriter = closureWriter;
  /** The actors inside the value; undefined when there are none. */
  handles: ActorId[] | undefined;
  readonly #runtime: Runtime;

  constructor(runtime: Runtime, path: string) {
    this.#runtime = runtime;
    this.path = path;
  }

  refOf(ref: object): string {
    return ownId(this.#runtime, ref as ObjectRef<unknown>);
  }

  actorOf(handle: object): ActorDescription {
    const description = actorDescriptionOf(handle);
    if (runtimeOf(handle) !== this.#runtime) throw new ActorDiedError(description.className, OF_EARLIER_CLUSTER);
    this.handles ??= [];
    this.handles.push(description.actorId);
    return description;
  }
}
