import { expect, it } from "vitest";
import * as panel from "../../../extensions/jupyterlab/src/protocol.ts";
import * as runtime from "../../../runtime/src/protocol/cluster-view.ts";

it("the panel opens the comm target and speaks the protocol that the runtime has", () => {
  expect(panel.CLUSTER_VIEW_TARGET).toBe(runtime.CLUSTER_VIEW_TARGET);
  expect(panel.CLUSTER_VIEW_PROTOCOL).toBe(runtime.CLUSTER_VIEW_PROTOCOL);
});
