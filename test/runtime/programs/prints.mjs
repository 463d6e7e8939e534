// Output of tasks in a plain program: prefixed lines, before the result is there.
import { init, task } from "mobula";

await init({ cpus: 2 });
const inner = task(() => console.log("from the inner task"), { name: "inner" });
const outer = task(
  async () => {
    console.log("one\ntwo");
    console.error("to stderr");
    await inner();
    return "result";
  },
  { name: "outer" },
);
process.stdout.write(`${await outer()}\n`);
const flood = task(
  () => {
    for (let line = 0; line < 10_000; line++) console.log(`line ${line}`);
  },
  { name: "flood" },
);
await flood();
await new Promise((resolve) => setTimeout(resolve, 1_300));
process.stdout.write("end\n");
