import { describe, expect, test } from "vitest";
import { KernelWorld } from "../../support/kernel/kernel-world.ts";

describe("comms that the session answers", () => {
  test("messages go to the session and come back under the comm's id", async () => {
    const world = new KernelWorld();
    await world.request("comm_open", { comm_id: "w", target_name: "mobula.widget.v1", data: { id: "7" } });
    await world.request("comm_msg", { comm_id: "w", data: { type: "update" } });
    const told = world.session.log.filter((entry) => Array.isArray(entry) && entry[0] === "tellComm");
    expect(told).toMatchObject([
      ["tellComm", "w", { type: "comm-open", commId: "w", target: "mobula.widget.v1", data: { id: "7" } }],
      ["tellComm", "w", { type: "comm-message", data: { type: "update" } }],
    ]);
    world.session.emit({ type: "comm", commId: "w", message: { type: "comm-message", data: { state: 1 } } });
    world.session.emit({ type: "comm", commId: "other", message: { type: "comm-message", data: {} } });
    const messages = world.broadcasts().filter(({ header }) => header.msg_type === "comm_msg");
    expect(messages.map(({ content }) => content)).toEqual([{ comm_id: "w", data: { state: 1 } }]);
  });

  test("they are closed when the session dies", async () => {
    const world = new KernelWorld();
    await world.request("comm_open", { comm_id: "v", target_name: "mobula.variables.v1", data: {} });
    world.session.die();
    const closed = world.broadcasts().filter(({ header }) => header.msg_type === "comm_close");
    expect(closed.map(({ content }) => content["comm_id"])).toEqual(["v"]);
  });
});
