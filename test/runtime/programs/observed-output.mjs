// Output of nested tasks, of actors whose calls overlap, and of what a task leaves behind; then a flood.
import { actor, init, task } from "mobula";

await init({ cpus: 2, name: "observed" });
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const inner = task(() => console.log("of inner"), { name: "inner" });
const outer = task(
  async () => {
    console.log("of outer");
    await inner();
  },
  { name: "outer" },
);
await outer();
const Talker = actor(
  class Talker {
    async say(word, ms) {
      console.log(`${word} begins`);
      await new Promise((resolve) => setTimeout(resolve, ms));
      console.error(`${word} ends`);
    }
  },
  { name: "talker" },
);
const talker = new Talker();
await Promise.all([talker.say("slow", 200), talker.say("quick", 20)]);
const leaves = task(
  (ms) => {
    const further = async () => {
      console.log("left behind");
      await sleep(5);
      console.log("left behind further");
    };
    setTimeout(() => void further(), ms);
  },
  { name: "leaves" },
);
const busy = task(
  async (ms) => {
    console.log("of busy");
    await sleep(ms);
  },
  { name: "busy" },
);
// On the same worker, one after the other: what the first leaves behind prints while the second runs.
const apart = { cpus: 2 };
await leaves.with(apart)(50);
await busy.with(apart)(300);
const flood = task(
  () => {
    for (let line = 0; line < 5_000; line++) console.log(`line ${line}`);
  },
  { name: "flood" },
);
await flood();
process.stdout.write("printed\n");
for (let round = 0; ; round++) {
  await inner();
  await sleep(200);
}
