/** Answers a front end that asks about the cells of a notebook as they stand, run or not. */
import type { CheckLevel, Language } from "../language/language.ts";
import {
  type CellText,
  type LanguageReply,
  type LanguageRequest,
  readLanguageRequest,
} from "../protocol/language-comm.ts";
import type { CommEndpoint, CommEndpointEvents, ToEndpoint } from "../transport/comm-endpoint.ts";
import { readMagic } from "./magic.ts";

export interface LanguageCommParts {
  readonly language: { get(): Promise<Language> };
  /** The level of cells below no `%check` line. */
  readonly checkLevel: () => CheckLevel;
  readonly warn: (text: string) => void;
}

/** All comms of the target; one for each notebook that is open somewhere. */
export class LanguageComms {
  private readonly parts: LanguageCommParts;
  private readonly open = new Set<LanguageComm>();

  constructor(parts: LanguageCommParts) {
    this.parts = parts;
  }

  accept(events: CommEndpointEvents): CommEndpoint {
    const comm = new LanguageComm(this.parts, events, () => this.open.delete(comm));
    this.open.add(comm);
    return comm;
  }

  /** A cell ran, or the type world began anew. */
  worldChanged(): void {
    for (const comm of this.open) comm.tell({ type: "world-changed" });
  }
}

/** A cell's text without its magic line, and the level that this line sets from here on. */
interface Cell extends CellText {
  readonly level?: CheckLevel;
}

class LanguageComm implements CommEndpoint {
  private readonly parts: LanguageCommParts;
  private readonly events: CommEndpointEvents;
  private readonly forgetMe: () => void;
  private cells: readonly Cell[] = [];
  private revision = 0;
  /** Cells whose diagnostics are wanted still; replaced as a whole, so that a newer request ends an older one. */
  private wanted: string[] = [];
  private isChecking = false;
  private isClosed = false;

  constructor(parts: LanguageCommParts, events: CommEndpointEvents, forgetMe: () => void) {
    this.parts = parts;
    this.events = events;
    this.forgetMe = forgetMe;
  }

  send(message: ToEndpoint): void {
    if (message.type === "comm-close") this.close();
    if (message.type !== "comm-message") return;
    const request = readLanguageRequest(message.data);
    if (request) this.take(request);
    else this.parts.warn("A front end sent a message about cells that this kernel cannot read.");
  }

  close(): void {
    this.isClosed = true;
    this.wanted = [];
    this.forgetMe();
  }

  tell(reply: LanguageReply): void {
    if (!this.isClosed) this.events.onMessage({ type: "comm-message", data: reply });
  }

  private take(request: LanguageRequest): void {
    switch (request.type) {
      case "cells":
        this.cells = updatedCells(this.cells, request);
        this.revision = request.revision;
        return;
      case "check":
        this.wanted = [...request.cells];
        void this.checkWanted();
    }
  }

  /** One cell at a time, so that a completion asked for meanwhile waits for one cell only. */
  private async checkWanted(): Promise<void> {
    if (this.isChecking) return;
    this.isChecking = true;
    try {
      for (let cellId = this.wanted.shift(); cellId !== undefined; cellId = this.wanted.shift()) {
        await this.checkCell(cellId);
      }
    } catch (error) {
      // The thread ended, or is ending; the next one begins with an empty world and says so.
      this.wanted = [];
      if (!this.isClosed) this.parts.warn(`Cells were not checked: ${String(error)}`);
    } finally {
      this.isChecking = false;
    }
  }

  private async checkCell(cellId: string): Promise<void> {
    const { cells, revision } = this;
    const index = cells.findIndex(({ id }) => id === cellId);
    if (index < 0) return;
    const check = cells.slice(0, index + 1).findLast(({ level }) => level)?.level ?? this.parts.checkLevel();
    const language = await this.parts.language.get();
    const diagnostics = await language.diagnose({ cells: cells.map(({ id, code }) => ({ id, code })), cellId, check });
    this.tell({ type: "diagnostics", revision, cellId, diagnostics });
  }
}

function updatedCells(known: readonly Cell[], update: Extract<LanguageRequest, { type: "cells" }>): readonly Cell[] {
  const byId = new Map(known.map((cell) => [cell.id, cell]));
  for (const cell of update.changed) byId.set(cell.id, readCell(cell));
  return update.order.flatMap((id) => byId.get(id) ?? []);
}

function readCell({ id, code: text }: CellText): Cell {
  const { code, magic } = readMagic(text);
  return { id, code, ...(magic?.type === "check" && magic.level && { level: magic.level }) };
}
