/** Answers a front end that asks about the cells of a notebook as they stand, run or not. */
import type { CheckLevel, Language } from "../language/language.ts";
import {
  type CellText,
  type LanguageQuestion,
  type LanguageReply,
  type LanguageRequest,
  type NotebookText,
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

/** The id of a cell that no notebook has. */
const NOBODY = "";

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

  /**
   * The cell that a front end means when it sends a text without saying whose it is, as all of Jupyter's own requests
   * do; undefined when no cell has this text.
   */
  find(code: string): NotebookText | undefined {
    for (const { cells } of this.open) {
      const cellId = cells.find((cell) => cell.code === code)?.id;
      if (cellId !== undefined) return { cells, cellId };
    }
    return undefined;
  }

  /** A place below all cells of a notebook: for a text that was typed so lately that nobody knows whose it is. */
  belowAll(): NotebookText | undefined {
    const cells = [...this.open].at(-1)?.cells;
    return cells && { cells: [...cells, { id: NOBODY, code: "" }], cellId: NOBODY };
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
  private told: readonly Cell[] = [];
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

  /** As they were told last, without magic lines. */
  get cells(): CellText[] {
    return this.told.map(({ id, code }) => ({ id, code }));
  }

  tell(reply: LanguageReply): void {
    if (!this.isClosed) this.events.onMessage({ type: "comm-message", data: reply });
  }

  private take(request: LanguageRequest): void {
    switch (request.type) {
      case "cells":
        this.told = updatedCells(this.told, request);
        this.revision = request.revision;
        return;
      case "check":
        this.wanted = [...request.cells];
        void this.checkWanted();
        return;
      case "ask":
        void this.answer(request.id, request.question);
    }
  }

  private async answer(id: number, question: LanguageQuestion): Promise<void> {
    try {
      const answer = await this.answerTo(question);
      this.tell({ type: "answer", id, answer: answer ?? null });
    } catch (error) {
      this.tell({ type: "failed", id, message: error instanceof Error ? error.message : String(error) });
    }
  }

  private async answerTo(question: LanguageQuestion): Promise<unknown> {
    const { cellId, offset } = question;
    const notebook = { cells: this.cells, cellId };
    const code = notebook.cells.find(({ id }) => id === cellId)?.code;
    if (code === undefined) throw new Error(`The kernel does not know cell ${cellId}.`);
    const language = await this.parts.language.get();
    switch (question.kind) {
      case "hover":
        return language.inspect({ code, offset, notebook });
      case "complete":
        return language.complete({ code, offset, notebook, withImports: true });
      case "describe": {
        const chosen = code.slice(0, question.start) + question.text;
        return language.inspect({ code: chosen + code.slice(offset), offset: chosen.length, notebook });
      }
      case "places":
        return language.places({ ...notebook, offset });
      case "rename":
        return language.rename({ ...notebook, offset, newName: question.newName });
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
    const { cells, told, revision } = this;
    const index = told.findIndex(({ id }) => id === cellId);
    if (index < 0) return;
    const check = told.slice(0, index + 1).findLast(({ level }) => level)?.level ?? this.parts.checkLevel();
    const language = await this.parts.language.get();
    const diagnostics = await language.diagnose({ cells, cellId, check });
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
