/** What calls to Python do on every engine. Of the program's modules `python_calls` is there. */
import { actor, cancel, get, kill, put, py, task } from "mobula";
import { describe, expect, test, vi } from "vitest";
import { failure } from "../support/api-world.ts";

const SOON = { timeout: 30_000 };

interface Model {
  predict(value: number): number;
  multiples(count: number): Generator<number>;
  later_multiples(count: number): AsyncGenerator<number>;
}

interface Meeting {
  meet(name: string): string;
  chats(name: string, lines: number): void;
  meet_later(name: string): Promise<string>;
  rounds(name: string, count: number): Generator<string>;
  naps(seconds: number): void;
  count_ended(): number;
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** @param printed - what the program has printed so far */
export function pythonCalls(engine: string, printed: () => string): void {
  describe(`${engine}: refs inside arguments`, () => {
    const echo = py.task("python_calls:echo");

    test("arrive as their values, in arrays and objects, by name too", async () => {
      const half = task(async (n: number) => n / 2);
      const [one, two] = [half(2), put("two")];
      expect(await echo([one, { deep: [two, 3] }])).toEqual([1, { deep: ["two", 3] }]);
      const given = py.task("python_calls:given");
      expect(await given(two, [one], py.kwargs({ by: { name: two } }))).toEqual({
        args: ["two", [1]],
        kwargs: { by: { name: "two" } },
      });
      const array = put(new Float64Array(50_000).fill(3));
      expect(await py.task<[{ of: Float64Array }[]], string>("python_calls:shown")([{ of: array }])).toMatch(
        /array\(\[3\., 3/,
      );
    });

    test("are one object in Python where they are one here", async () => {
      const ref = put({ a: 1 });
      expect(await py.task<[object[]], boolean>("python_calls:is_same")([ref, ref])).toBe(true);
      expect(await py.task<[object[]], boolean>("python_calls:is_same")([ref, put({ a: 1 })])).toBe(false);
    });

    test("go to constructors and methods of actors", async () => {
      const seven = put(7);
      const Model = py.actor<Model, [number]>("python_calls:Model");
      const model = new Model(2, py.kwargs({ offset: put(1) }));
      const untyped = model as unknown as {
        echo_all(values: unknown): PromiseLike<unknown>;
        predict(n: unknown): PromiseLike<unknown>;
      };
      expect(await untyped.predict(seven)).toBe(15);
      expect(await untyped.echo_all({ list: [seven, put("x")] })).toEqual({ list: [7, "x"] });
      kill(model);
    });

    test("that fail make the call fail; those that cannot be resolved are refused with their place", async () => {
      const fails = task(async (): Promise<number> => {
        throw new Error("no number");
      });
      expect((await failure(echo([fails()]))).message).toContain("no number");
      const inside = task(async () => [put(1)]);
      expect((await failure(echo(inside()))).message).toMatch(/echo arguments\[0\]\[0\]`? is an ObjectRef/);
      expect((await failure(echo(new Set([put(1)])))).message).toMatch(/a Set has in it.*ObjectRef/);
      class Counter {
        count(): number {
          return 1;
        }
      }
      const counter = new (actor(Counter))();
      expect(() => echo([counter])).toThrow(/actor handle/);
      kill(counter);
    });
  });

  describe(`${engine}: functions of several results`, () => {
    test("give a ref to each", async () => {
      const divided = py.task<[number, number], [number, number]>("python_calls:divided", { numReturns: 2 });
      const [quotient, rest] = divided(17, 5);
      expect(await get([quotient, rest])).toEqual([3, 2]);
      expect(await py.task<[number], number>("math:sqrt")(divided(81, 9)[0])).toBe(3);
      const [only] = py.task<[number[]], [number]>("python_calls:echo", { numReturns: 1 })([5]);
      expect(await only).toBe(5);
    });

    test("say how many they should have returned", async () => {
      const [first] = py.task<[number, number], [number, number, number]>("python_calls:divided", { numReturns: 3 })(
        1,
        1,
      );
      expect((await failure(first)).message).toBe(
        "Task 'divided' failed: TypeError: 'divided' has numReturns: 3, so it must return an array of 3 values; it returned an array of 2",
      );
      const [none] = py.task<[number], [number]>("math:sqrt", { numReturns: 1 })(4);
      expect((await failure(none)).message).toMatch(/it returned no array/);
    });

    test("with 0 give none, and print a failure", async () => {
      expect(py.task<[string], []>("python_calls:raises", { numReturns: 0 })("nobody waits")).toEqual([]);
      await vi.waitFor(() => expect(printed()).toContain("nobody waits"), SOON);
    });
  });

  describe(`${engine}: methods that stream`, () => {
    test("give items while they run, async or not, and leave the actor as it is", async () => {
      const Model = py.actor<Model, [number]>("python_calls:Model", { streaming: ["multiples", "later_multiples"] });
      const model = new Model(3);
      expect(await all(model.multiples(50))).toEqual(Array.from({ length: 50 }, (_, n) => 3 * n));
      expect(await all(model.later_multiples(4))).toEqual([0, 3, 6, 9]);
      for await (const item of model.multiples(1_000_000)) if (item === 6) break;
      expect(await model.predict(5)).toBe(15);
      const uses = task(async (given: typeof model) => {
        const items: number[] = [];
        for await (const item of given.multiples(3)) items.push(item);
        return items;
      });
      expect(await uses(model)).toEqual([0, 3, 6]);
      kill(model);
    });

    test("are told apart from those that do not", async () => {
      const model = new (py.actor<Model, [number]>("python_calls:Model"))(3);
      const generator = model.multiples as unknown as (count: number) => PromiseLike<unknown>;
      expect((await failure(generator(3))).message).toMatch(/generator.*streaming: \[method\]/);
      kill(model);
      const Wrong = py.actor<{ predict(n: number): Generator<number> }, [number]>("python_calls:Model", {
        streaming: ["predict"],
      });
      const wrong = new Wrong(3);
      expect((await failure(all(wrong.predict(1)))).message).toMatch(/it returned a int, which has no items/);
      kill(wrong);
    });
  });

  describe(`${engine}: calls of an actor that overlap`, () => {
    test("run in threads, as many as maxConcurrency says, and print as themselves", async () => {
      const Meeting = py.actor<Meeting, [number]>("python_calls:Meeting", { maxConcurrency: 3, streaming: ["rounds"] });
      const meeting = new Meeting(3);
      expect(await get(["a", "b", "c"].map((name) => meeting.meet(name)))).toEqual(["a", "b", "c"]);
      await vi.waitFor(
        () => expect(["a", "b", "c"].filter((name) => !printed().includes(`${name} has come`))).toEqual([]),
        SOON,
      );
      await get(["a", "b", "c"].map((name) => meeting.chats(name, 300)));
      const said = ["a", "b", "c"].flatMap((name) => Array.from({ length: 300 }, (_, line) => `${name} says ${line}`));
      await vi.waitFor(() => {
        const lines = new Set(
          printed()
            .split("\n")
            .map((line) => line.replace(/^\(.*?\) /, "")),
        );
        expect(said.filter((line) => !lines.has(line))).toEqual([]);
      }, SOON);
      expect(await get(["d", "e", "f"].map((name) => meeting.meet_later(name)))).toEqual(["d", "e", "f"]);
      const rounds = await Promise.all(["g", "h", "i"].map((name) => all(meeting.rounds(name, 2))));
      expect(rounds).toEqual(["g", "h", "i"].map((name) => [`${name} 0`, `${name} 1`]));
      kill(meeting);
    });

    test("that stream end when nobody wants their items any more", async () => {
      const Meeting = py.actor<Meeting, [number]>("python_calls:Meeting", { maxConcurrency: 2, streaming: ["rounds"] });
      const meeting = new Meeting(1);
      for await (const item of meeting.rounds("endless", 1_000_000_000)) if (item === "endless 2") break;
      await vi.waitFor(async () => expect(await meeting.count_ended()).toBe(1), SOON);
      kill(meeting);
    });

    test("fail alone, and one that is cancelled lets the others go on", async () => {
      const Meeting = py.actor<Meeting, [number]>("python_calls:Meeting", { maxConcurrency: 2 });
      const meeting = new Meeting(2);
      const nap = meeting.naps(3);
      const wrong = (meeting.naps as unknown as (text: string) => PromiseLike<unknown>)("long");
      expect((await failure(wrong)).message).toContain("TypeError");
      cancel(nap);
      expect((await failure(nap)).code).toBe("TASK_CANCELLED");
      expect(await get(["a", "b"].map((name) => meeting.meet(name)))).toEqual(["a", "b"]);
      kill(meeting);
    });
  });
}
