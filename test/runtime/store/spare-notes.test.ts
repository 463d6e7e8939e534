import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { SpareNotes } from "../../../runtime/src/store/spare-notes.ts";

let folder: string;
let writer: SpareNotes;
let reader: SpareNotes;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "notes-"));
  SpareNotes.create(folder);
  writer = new SpareNotes(folder);
  reader = new SpareNotes(folder);
});
afterAll(() => {
  writer.close();
  reader.close();
  rmSync(folder, { recursive: true });
});

const note = { objectId: "d.1-ü", lengths: [5, 1_000_000], holder: "d" };

it("a note is read by others, as it was written last", () => {
  expect(writer.write({ slot: 3, version: 7 }, { ...note, objectId: `${note.objectId} longer` })).toBe(true);
  expect(writer.write({ slot: 3, version: 8 }, note)).toBe(true);
  expect(reader.read({ slot: 3, version: 8 })).toEqual(note);
});

it("there is none of another time, of another slot or beyond the end", () => {
  expect(reader.read({ slot: 3, version: 7 })).toBeUndefined();
  expect(reader.read({ slot: 2, version: 8 })).toBeUndefined();
  expect(reader.read({ slot: 400, version: 1 })).toBeUndefined();
});

it("what is too long is not noted", () => {
  const lengths = Array.from({ length: 100 }, () => 1_000_000);
  expect(writer.write({ slot: 3, version: 9 }, { ...note, lengths })).toBe(false);
  expect(reader.read({ slot: 3, version: 8 })).toEqual(note);
});

it("notes are for this user alone", () => {
  expect(statSync(join(folder, "notes")).mode & 0o777).toBe(0o600);
});
