import { describe, expect, it } from "vitest";
import { Wakefulness } from "../../../runtime/src/node/wakefulness.ts";

/** An event loop whose turns take 10 µs. */
function world(): { wakefulness: Wakefulness; turns: () => number; turn: () => boolean } {
  const planned: (() => void)[] = [];
  let nowMs = 1;
  let yields = 0;
  const wakefulness = new Wakefulness({
    nowMs: () => nowMs,
    nextTurn: (callback) => void planned.push(callback),
    yieldProcessor: () => {
      yields++;
    },
  });
  const turn = (): boolean => {
    const due = planned.splice(0);
    nowMs += 0.01;
    for (const callback of due) callback();
    return due.length > 0;
  };
  const turns = (): number => {
    const before = yields;
    while (turn());
    return yields - before;
  };
  return { wakefulness, turns, turn };
}

describe("the event loop", () => {
  it("stays awake for tens of microseconds, offers the processor in each turn, and sleeps then", () => {
    const { wakefulness, turns } = world();
    wakefulness.expectSoon();
    expect(turns()).toBe(5);
    expect(turns()).toBe(0);
  });

  it("sleeps as soon as the message has come", () => {
    const { wakefulness, turns, turn } = world();
    wakefulness.expectSoon();
    turn();
    wakefulness.arrived();
    expect(turns()).toBe(0);
  });

  it("waits from the last message that is expected, with one chain of turns", () => {
    const { wakefulness, turns, turn } = world();
    wakefulness.expectSoon();
    turn();
    wakefulness.arrived();
    wakefulness.expectSoon();
    turn();
    wakefulness.expectSoon();
    expect(turns()).toBe(5);
  });

  it("waits ever more seldom where that is in vain, and again at once after it has paid", () => {
    const { wakefulness, turns, turn } = world();
    const waits = Array.from({ length: 300 }, () => {
      wakefulness.expectSoon();
      return turns() > 0;
    });
    const gaps = waits.flatMap((isWait, index) => (isWait ? [index] : [])).map((at, n, all) => at - (all[n - 1] ?? -1));
    expect(gaps).toEqual([1, 2, 3, 5, 9, 17, 33, 65, 65, 65]);
    let tries = 0;
    while (!turn()) {
      wakefulness.expectSoon();
      expect(++tries).toBeLessThan(66);
    }
    wakefulness.arrived();
    for (let round = 0; round < 5; round++) {
      wakefulness.expectSoon();
      expect(turn()).toBe(true);
      wakefulness.arrived();
    }
  });

  it("goes on after a turn whose code was terminated", () => {
    const planned: (() => void)[] = [];
    let nowMs = 1;
    const wakefulness = new Wakefulness({
      nowMs: () => nowMs,
      nextTurn: (callback) => void planned.push(callback),
      yieldProcessor: () => {},
    });
    wakefulness.expectSoon();
    planned.length = 0;
    wakefulness.expectSoon();
    expect(planned).toHaveLength(0);
    nowMs += 1000;
    wakefulness.expectSoon();
    expect(planned).toHaveLength(1);
  });
});
