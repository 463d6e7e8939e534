import { describe, expect, it } from "vitest";
import { ClosedSections } from "../../../../extensions/jupyterlab/src/panel/sections.ts";

describe("the sections of the panel", () => {
  it("are open until the user closes one, and that is saved", () => {
    const saved: string[][] = [];
    const sections = new ClosedSections((closed) => saved.push(closed));
    expect(sections.isOpen("workers")).toBe(true);
    sections.setOpen("workers", false);
    sections.setOpen("actors", false);
    sections.setOpen("workers", true);
    expect(saved).toEqual([["workers"], ["workers", "actors"], ["actors"]]);
    expect(sections.isOpen("actors")).toBe(false);
  });

  it("take over what was saved, tell of it, and ignore what is no list of names", () => {
    const sections = new ClosedSections(() => {});
    let told = 0;
    const stop = sections.subscribe(() => (told += 1));
    sections.restore(["tasks", 5]);
    sections.restore({ tasks: true });
    sections.restore(undefined);
    expect([sections.isOpen("tasks"), told]).toEqual([false, 1]);
    stop();
    sections.setOpen("tasks", true);
    expect(told).toBe(1);
  });
});
