// Pins a region again and again while the head takes it away; counts what it saw that was wrong.
import { openSync, readSync } from "node:fs";
import { Pins, SlotWords } from "../../../runtime/dist/store/region-words.js";

const [directory = "", name = ""] = process.argv.slice(2);
const SLOTS = 1024;
const slots = SlotWords.open(directory, SLOTS);
const pins = Pins.create(directory, name, SLOTS);
const fd = openSync(`${directory}/memory`, "r");
const byte = new Uint8Array(1);
let pinned = 0;
let wrong = 0;
process.stdout.write("ready\n");
process.stdin.once("data", () => {
  const end = performance.now() + 1_500;
  while (performance.now() < end) {
    for (let version = 1; version <= 8; version++) {
      const tag = { slot: 5, version };
      if (!pins.tryPin(slots, tag)) continue;
      pinned++;
      // While it is pinned, the memory is that of this version, however long one looks.
      for (let look = 0; look < 5; look++) {
        readSync(fd, byte, 0, 1, 0);
        if (byte[0] !== version) wrong++;
      }
      pins.unpin(tag);
    }
  }
  process.stdout.write(`${JSON.stringify({ pinned, wrong })}\n`);
  process.exit(0);
});
