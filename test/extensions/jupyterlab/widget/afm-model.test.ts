import { describe, expect, test } from "vitest";
import { AfmModel } from "../../../../extensions/jupyterlab/src/widget/afm-model.ts";

function makeModel(state: Readonly<Record<string, unknown>> = { value: 1 }) {
  const saved: unknown[] = [];
  const sent: unknown[] = [];
  const model = new AfmModel(state, {
    onSave: (changed) => saved.push(changed),
    onSend: (content) => sent.push(content),
  });
  return { model, saved, sent };
}

describe("the model of a widget's module", () => {
  test("changes travel together when the module saves them, once", () => {
    const { model, saved } = makeModel({ value: 1, name: "a" });
    model.set("value", 2);
    model.set("value", 3);
    model.set("name", "a"); // no change
    expect(saved).toEqual([]);
    model.save_changes();
    model.save_changes();
    expect(saved).toEqual([{ value: 3 }]);
    expect(model.get("value")).toBe(3);
  });

  test("listeners hear changes of either side, until they are taken off", () => {
    const { model } = makeModel();
    const heard: unknown[] = [];
    const listener = (...values: never[]) => heard.push(values[1]);
    model.on("change:value", listener);
    model.set("value", 2);
    model.receive({ value: 5 });
    model.off("change:value", listener);
    model.receive({ value: 6 });
    expect(heard).toEqual([2, 5]);
    expect(model.get("value")).toBe(6);
  });

  test("what the kernel changes wins over what is not saved", () => {
    const { model, saved } = makeModel();
    model.set("value", 2);
    model.receive({ value: 9 });
    model.save_changes();
    expect(saved).toEqual([]);
  });

  test("off() takes all listeners of an event, or of all", () => {
    const { model } = makeModel();
    let count = 0;
    const listener = () => (count += 1);
    model.on("change:value", listener);
    model.on("change", listener);
    model.off("change:value");
    model.set("value", 2);
    model.off();
    model.set("value", 3);
    expect(count).toBe(1);
  });

  test("custom messages go both ways", () => {
    const { model, sent } = makeModel();
    const heard: unknown[] = [];
    model.on("msg:custom", (...values: never[]) => heard.push(values[0]));
    model.send({ a: 1 });
    model.receiveCustom("hi");
    expect([sent, heard]).toEqual([[{ a: 1 }], ["hi"]]);
  });
});
