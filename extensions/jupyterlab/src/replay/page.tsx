/**
 * The panel without JupyterLab: it shows what recorded messages of a cluster make of it. Tests take pictures of it, and
 * so does the documentation. The page around it brings the theme's variables.
 */
import { nullTranslator } from "@jupyterlab/translation/lib/base";
import { createRoot } from "react-dom/client";
import { initialLinkState } from "../link/state.ts";
import { step } from "../link/step.ts";
import { ClusterPanel } from "../panel/cluster-panel.tsx";
import { ClosedSections } from "../panel/sections.ts";
import type { Recording, ReplayedGroup } from "./recording.ts";

const root = createRoot(document.getElementById("panel") ?? document.body);
const sections = new ClosedSections(() => {});
const trans = nullTranslator.load("mobula");

window.mobulaReplay = {
  cancelled: [],
  revealed: [],
  show({ events, nowMs }: Recording): void {
    const render = () => {
      const state = events && recorded.reduce((before, event) => step(before, event).state, initialLinkState("panel"));
      root.render(<ClusterPanel state={state} services={{ trans, sections, actions, now: () => nowMs }} />);
    };
    const recorded = [...(events ?? [])];
    const actions = {
      reconnect: () => {},
      insertStart: () => {},
      chooseKernel: () => {},
      restartKernel: () => {},
      revealCell: (cellId: string) => {
        window.mobulaReplay.revealed.push(cellId);
        return true;
      },
      cancelTasks: (group: ReplayedGroup) => {
        window.mobulaReplay.cancelled.push(group);
        recorded.push({ type: "cancel-asked", ...group });
        render();
      },
    };
    render();
  },
};
