import { type ActorHandle, type NdArray, type ObjectRef, py, type ResultStream, task } from "mobula";
import { expectTypeOf, it } from "vitest";

it("types of functions in Python are those that the program says", () => {
  const check = () => {
    const mean = py.task<[Float64Array, number], number>("m:mean", { cpus: 2, retries: 0 });
    expectTypeOf(mean(new Float64Array(1), 2)).toEqualTypeOf<ObjectRef<number>>();
    const array = task(() => new Float64Array(1));
    expectTypeOf(mean.with({ name: "average" })(array(), py.kwargs({ digits: 2 }))).toEqualTypeOf<ObjectRef<number>>();
    // @ts-expect-error: no string where the array belongs
    mean("x", 1);
    // @ts-expect-error: one argument is missing
    mean(new Float64Array(1));
    // @ts-expect-error: there is no such option
    py.task("m:f", { cpu: 1 });
  };
  expectTypeOf(check).toBeFunction();
});

it("without types, arguments may be anything and results are unknown", () => {
  const check = () => {
    const call = py.task("m:f");
    expectTypeOf(call(1, "x", py.kwargs({}))).toEqualTypeOf<ObjectRef<unknown>>();
    const Any = py.actor("m:C");
    expectTypeOf(new Any(1, 2).whatever?.("x")).toEqualTypeOf<ObjectRef<unknown> | undefined>();
  };
  expectTypeOf(check).toBeFunction();
});

it("streaming functions give streams of items", () => {
  const check = () => {
    const items = py.task<[number], string>("m:g", { streaming: true });
    expectTypeOf(items(1)).toEqualTypeOf<ResultStream<string>>();
  };
  expectTypeOf(check).toBeFunction();
});

it("functions of several results give a ref to each", () => {
  const check = () => {
    const both = py.task<[number], [number, string]>("m:f", { numReturns: 2 });
    expectTypeOf(both(1)).toEqualTypeOf<[ObjectRef<number>, ObjectRef<string>]>();
    expectTypeOf(both.with({ retries: 0 })(1)).toEqualTypeOf<[ObjectRef<number>, ObjectRef<string>]>();
    expectTypeOf(py.task("m:f", { numReturns: 3 })()).toEqualTypeOf<ObjectRef<unknown>[]>();
    // @ts-expect-error: they are two
    py.task<[number], [number, string]>("m:f", { numReturns: 3 });
  };
  expectTypeOf(check).toBeFunction();
});

it("refs are accepted inside arrays and objects of arguments", () => {
  const check = () => {
    const call = py.task<[{ weights: Float64Array; scale: number }[], ReadonlyMap<string, number>]>("m:f");
    const weights = task(() => new Float64Array(1))();
    call([{ weights, scale: 2 }], new Map());
    call([task(() => ({ weights: new Float64Array(1), scale: 1 }))()], new Map());
    // @ts-expect-error: no array where a number belongs
    call([{ weights, scale: weights }], new Map());
  };
  expectTypeOf(check).toBeFunction();
});

it("methods that stream give streams of items", () => {
  interface Model {
    totals(values: number[]): Generator<number>;
  }
  const check = () => {
    const model = new (py.actor<Model>("m:Model", { streaming: ["totals"], maxConcurrency: 4 }))();
    expectTypeOf(model.totals([1])).toEqualTypeOf<ResultStream<number>>();
  };
  expectTypeOf(check).toBeFunction();
});

it("methods of actors in Python are those of the type that the program gives", () => {
  interface Model {
    predict(x: Float64Array): Float64Array;
    shape(): Promise<NdArray>;
  }
  const check = () => {
    const Model = py.actor<Model, [string]>("m:Model", { name: "m", maxRestarts: 1 });
    const model = new Model("weights.npy");
    expectTypeOf(model).toEqualTypeOf<ActorHandle<Model>>();
    expectTypeOf(model.predict(new Float64Array(1))).toEqualTypeOf<ObjectRef<Float64Array>>();
    expectTypeOf(model.shape()).toEqualTypeOf<ObjectRef<NdArray>>();
    // @ts-expect-error: there is no such method
    model.predicts();
    // @ts-expect-error: the constructor takes a string
    void new Model(1);
    // @ts-expect-error: there is no such method
    py.actor<Model>("m:Model", { streaming: ["predicts"] });
    // @ts-expect-error: groups are for classes of TypeScript
    py.actor("m:C", { concurrencyGroups: {} });
  };
  expectTypeOf(check).toBeFunction();
});
