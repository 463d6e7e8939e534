import { describe, expect, it } from "vitest";
import { RepeatedLines } from "../../../runtime/src/notebook/repeated-lines.ts";

class World {
  readonly shown: string[] = [];
  nowMs = 0;
  #later: { readonly atMs: number; readonly callback: () => void } | undefined;
  readonly lines: RepeatedLines = new RepeatedLines({
    show: ({ text }) => void this.shown.push(text),
    now: () => this.nowMs,
    later: (callback, delayMs) => {
      this.#later = { atMs: this.nowMs + delayMs, callback };
    },
  });

  print(pid: number, text: string, messageId = "cell"): void {
    const execution = { messageId, executionCount: 1 };
    this.lines.add({ type: "output", stream: "stdout", text, source: "f", pid, execution });
  }

  pass(ms: number): void {
    this.nowMs += ms;
    if (this.#later === undefined || this.#later.atMs > this.nowMs) return;
    const { callback } = this.#later;
    this.#later = undefined;
    callback();
  }
}

describe("lines that workers print alike", () => {
  it("are shown once, and then told of together", () => {
    const world = new World();
    for (let pid = 1; pid <= 13; pid++) world.print(pid, "loading\n");
    expect(world.shown).toEqual(["loading\n"]);
    world.pass(1_000);
    expect(world.shown).toEqual(["loading\n", "loading [repeated 12× across 13 workers]\n"]);
    world.print(2, "loading\n");
    expect(world.shown.at(-1)).toBe("loading\n");
  });

  it("are all shown when only one worker prints them", () => {
    const world = new World();
    for (let count = 0; count < 3; count++) world.print(1, "tick\n");
    world.pass(1_000);
    expect(world.shown).toEqual(["tick\n", "tick\n", "tick\n"]);
  });

  it("are told apart by cell and text, and what is no line yet passes", () => {
    const world = new World();
    world.print(1, "a\nb");
    world.print(2, "a\n\n", "other cell");
    world.print(2, "a\nc\npart");
    expect(world.shown).toEqual(["a\nb", "a\n\n", "c\npart"]);
  });

  it("are not lost at the end, and a single one stays as it was printed", () => {
    const world = new World();
    world.print(1, "a\n");
    world.print(2, "a\n");
    world.lines.flush();
    world.pass(5_000);
    expect(world.shown).toEqual(["a\n", "a\n"]);
  });
});
