// A driver whose own code spins, and a worker that spins, too: both must be seen from outside.
import { init, listTasks, task } from "mobula";

await init({ cpus: 2, name: "busy" });
const spinning = task(
  function spinning(ms) {
    // The clock is seldom asked, so that a stack taken at any moment shows this function on top.
    const end = performance.now() + ms;
    while (performance.now() < end) for (let index = 0; index < 1e7; index++);
  },
  { name: "spinning" },
);
const quick = task(() => 1, { name: "quick" });
await quick();
for (let index = 0; index < 5; index++) void spinning(60_000);
// Both workers must have one: nobody gives out work while this thread spins.
while ((await listTasks({ state: "RUNNING" })).items.length < 2)
  await new Promise((resolve) => setTimeout(resolve, 20));
process.stdout.write("spins\n");
await new Promise((resolve) => setTimeout(resolve, 10));
const end = performance.now() + 60_000;
while (performance.now() < end);
