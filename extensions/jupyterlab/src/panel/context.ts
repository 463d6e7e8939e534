/** What every part of the panel may use; given once, at the top. */
import { createContext, useContext } from "react";

/** The part of a JupyterLab translation bundle that the panel uses. */
export interface Translation {
  __(text: string, ...values: unknown[]): string;
  _n(singular: string, plural: string, count: number, ...values: unknown[]): string;
}

/** What the panel can have done. An absent action has no button. */
export interface PanelActions {
  /** Insert a cell that starts a cluster. */
  readonly insertStart?: () => void;
  readonly chooseKernel?: () => void;
  readonly restartKernel?: () => void;
  readonly reconnect: () => void;
  /** Bring a cell into view. @returns false when no open notebook has it. */
  readonly revealCell: (cellId: string) => boolean;
  readonly cancelTasks: (group: { readonly function: string; readonly cellId?: string }) => void;
}

/** Remembers which sections are open. */
export interface SectionMemory {
  isOpen(section: string): boolean;
  setOpen(section: string, isOpen: boolean): void;
  /** Hear of every change. @returns what ends it. */
  subscribe(listener: () => void): () => void;
}

export interface PanelServices {
  readonly trans: Translation;
  readonly actions: PanelActions;
  readonly sections: SectionMemory;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export const PanelContext: React.Context<PanelServices | null> = createContext<PanelServices | null>(null);

/** The services of the panel around a component. */
export function usePanel(): PanelServices {
  const services = useContext(PanelContext);
  if (!services) throw new Error("A part of the cluster panel is shown outside of it.");
  return services;
}
