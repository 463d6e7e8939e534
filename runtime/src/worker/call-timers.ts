/**
 * Ties timers to the call that started them, so that what they print finds its cell, also when the call is over and
 * another one runs. Not by async hooks: V8 ends Node when it terminates code that spins while they are in use.
 */
import { syncBuiltinESMExports } from "node:module";
import timers from "node:timers";
import timersPromises from "node:timers/promises";
import { promisify } from "node:util";

type Callback = (...args: unknown[]) => unknown;

export interface CallFollower {
  /** A callback that, when it is called, works for whoever this code works for. */
  follow(callback: Callback): Callback;
}

/** Replace Node's timers, global and imported. */
export function installCallTimers(follower: CallFollower): void {
  const { setTimeout: startTimeout, setInterval: startInterval, setImmediate: startImmediate } = timers;
  const followed = (callback: Callback): Callback =>
    typeof callback === "function" ? follower.follow(callback) : callback;
  const setTimeout = (callback: Callback, delayMs?: number, ...args: unknown[]): NodeJS.Timeout =>
    startTimeout(followed(callback), delayMs, ...args);
  const setInterval = (callback: Callback, delayMs?: number, ...args: unknown[]): NodeJS.Timeout =>
    startInterval(followed(callback), delayMs, ...args);
  const setImmediate = (callback: Callback, ...args: unknown[]): NodeJS.Immediate =>
    startImmediate(followed(callback), ...args);
  Object.defineProperty(setTimeout, promisify.custom, { value: timersPromises.setTimeout });
  Object.defineProperty(setImmediate, promisify.custom, { value: timersPromises.setImmediate });
  for (const target of [globalThis, timers]) Object.assign(target, { setTimeout, setInterval, setImmediate });
  syncBuiltinESMExports();
}
