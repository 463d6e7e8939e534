// Puts hundreds of thousands of values and never lets the event loop turn; prints how many of them are still known.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { init, put, shutdown } from "mobula";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");

await init({ cpus: 1 });
for (let round = 0; round < 6; round++) {
  for (let index = 0; index < 60_000; index++) put(index);
  collect();
}
const { engine } = globalThis[Symbol.for("mobula.runtime")].runtime;
console.log(engine.objects.size);
await shutdown();
