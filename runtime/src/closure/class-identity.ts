/**
 * Classes keep their identity on their travels: an instance that comes home is an instance of the class here, and a worker
 * that meets a class again uses the one it has.
 */

type AnyClass = (...args: never[]) => unknown;

const processToken = `${process.pid.toString(36)}-${Date.now().toString(36)}`;
let classCount = 0;
let changeCount = 0;

/** Origins of classes, also of those that came from elsewhere. */
const origins = new WeakMap<object, string>();
const nativeClasses = new Map<string, WeakRef<AnyClass>>();
const revivedClasses = new Map<string, WeakRef<AnyClass>>();
const forget = new FinalizationRegistry<{ map: Map<string, WeakRef<AnyClass>>; key: string }>(({ map, key }) => {
  // The key may hold a newer class by now.
  if (map.get(key)?.deref() === undefined) map.delete(key);
});

/** The name of a class in all processes. */
export function originOf(type: AnyClass): string {
  let origin = origins.get(type);
  if (origin === undefined) {
    origin = `${processToken}.${classCount++}`;
    origins.set(type, origin);
    keep(nativeClasses, origin, type);
  }
  return origin;
}

/** A captured variable has changed: what was sent before may differ from what is sent now. */
export function noteChange(): void {
  changeCount++;
}

/** Names the state of this process's code. */
export function epoch(): string {
  return `${processToken}.${changeCount}`;
}

/**
 * The class of this origin that this process has already.
 *
 * @param onlyRevived - a class of the user's own does not do: private fields can be set only on revived ones.
 */
export function classHere(origin: string, ofEpoch: string, onlyRevived: boolean): AnyClass | undefined {
  const native = onlyRevived ? undefined : nativeClasses.get(origin)?.deref();
  return native ?? revivedClasses.get(`${origin} ${ofEpoch}`)?.deref();
}

/** Remember a class that was made from what another process (or this one) sent. */
export function keepRevived(type: AnyClass, origin: string, ofEpoch: string): void {
  origins.set(type, origin);
  keep(revivedClasses, `${origin} ${ofEpoch}`, type);
}

function keep(map: Map<string, WeakRef<AnyClass>>, key: string, type: AnyClass): void {
  map.set(key, new WeakRef(type));
  forget.register(type, { map, key });
}
