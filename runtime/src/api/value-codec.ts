/** Values of the user as payloads of the engine, with refs and actor handles as themselves. */
import { closureReader, closureWriter } from "../closure/index.ts";
import type { EncodedValue } from "../engine/engine.ts";
import { type DecodeHooks, decode, type EncodeHooks, encode, type Payload, preload } from "../protocol/codec.ts";
import type { ActorId, ObjectId } from "../protocol/ids.ts";
import type { ActorDescription } from "../protocol/messages.ts";
import { actorDescriptionOf, makeHandle } from "./actor-handle.ts";
import { ObjectRef } from "./object-ref.ts";
import type { Runtime } from "./runtime.ts";

export class ValueCodec {
  readonly decodeHooks: DecodeHooks;

  constructor(runtime: Runtime) {
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
    const handles: ActorId[] = [];
    const payload = encode(value, { ...encodeHooks(handles), path });
    return handles.length === 0 ? payload : { ...payload, handles };
  }

  /** The value, or a promise when modules have to be loaded first. */
  decode(payload: Payload): unknown {
    const loading = preload(payload, this.decodeHooks);
    if (loading === undefined) return decode(payload, this.decodeHooks);
    return loading.then(() => decode(payload, this.decodeHooks));
  }
}

/** @param handles - filled with the ids of the actors inside the value. */
export function encodeHooks(handles: ActorId[]): EncodeHooks {
  return {
    code: closureWriter,
    refOf: (ref) => (ref as ObjectRef<unknown>).id,
    actorOf: (handle) => {
      const description = actorDescriptionOf(handle);
      handles.push(description.actorId);
      return description;
    },
  };
}
