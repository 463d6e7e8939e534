/**
 * Keeps the event loop from going to sleep for some tens of microseconds while an answer is due.
 *
 * Waking a sleeping processor costs more than a short task does: on virtual machines 30–90 µs each way. While awake the loop
 * turns as usual, so timers, sockets and signals are served, and every turn offers the processor to others, so that a peer
 * that shares it can run.
 */
import { availableParallelism } from "node:os";
import { libcFunction } from "../store/libc.ts";

/** An answer that takes longer is not worth waiting for awake. */
const AWAKE_MS = 0.06;
/** After a wait in vain one is left out, after the next two, then four, up to this many. */
const LONGEST_REST = 64;
/** A turn that did not come for so long never will: its code was terminated by V8. */
const LOST_MS = 50;

export interface WakefulnessHooks {
  nowMs(): number;
  /** Call back in the next turn of the event loop. */
  nextTurn(callback: () => void): void;
  /** Let another process run that waits for this processor. */
  yieldProcessor(): void;
}

export class Wakefulness {
  readonly #hooks: WakefulnessHooks;
  /** 0 when nothing is expected. */
  #untilMs = 0;
  #isTurning = false;
  #turnedMs = 0;
  #rest = 0;
  #left = 0;

  constructor(hooks: WakefulnessHooks) {
    this.#hooks = hooks;
  }

  /** A message should come soon: stay awake for it, unless that was in vain lately. */
  expectSoon(): void {
    if (this.#left > 0) {
      this.#left--;
      return;
    }
    const nowMs = this.#hooks.nowMs();
    this.#untilMs = nowMs + AWAKE_MS;
    if (!this.#isTurning || nowMs - this.#turnedMs > LOST_MS) this.#turnAgain(nowMs);
  }

  /** It has come. */
  arrived(): void {
    if (this.#untilMs === 0) return;
    this.#untilMs = 0;
    this.#rest = 0;
  }

  readonly #turn = (): void => {
    this.#isTurning = false;
    if (this.#untilMs === 0) return;
    const nowMs = this.#hooks.nowMs();
    if (nowMs < this.#untilMs) {
      this.#hooks.yieldProcessor();
      this.#turnAgain(nowMs);
      return;
    }
    this.#untilMs = 0;
    this.#rest = Math.min(LONGEST_REST, Math.max(1, 2 * this.#rest));
    this.#left = this.#rest;
  };

  #turnAgain(nowMs: number): void {
    this.#isTurning = true;
    this.#turnedMs = nowMs;
    this.#hooks.nextTurn(this.#turn);
  }
}

// Taken here: a program may put timers of its own in their place.
const { setImmediate } = globalThis;

/** On a single processor waiting awake only keeps the answer from being made. */
const shared = availableParallelism() > 1 && process.platform !== "win32" ? createShared() : undefined;

function createShared(): Wakefulness {
  const schedYield = libcFunction("int sched_yield()");
  return new Wakefulness({
    nowMs: () => performance.now(),
    nextTurn: (callback) => void setImmediate(callback),
    yieldProcessor: () => void schedYield(),
  });
}

/** The first answers of a process take longer: code is sent and compiled. Nor do they wait for the library to be loaded. */
let coldCalls = 4;

/** For the event loop of this thread; see `Wakefulness`. */
export function expectSoon(): void {
  if (coldCalls > 0) coldCalls--;
  else shared?.expectSoon();
}

export function arrived(): void {
  shared?.arrived();
}
