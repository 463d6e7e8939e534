// Two drivers of a standing cluster in one life: the first keeps an array and leaves; the second fills the whole store.
import { init, put, shutdown } from "mobula";

await init({ address: "auto", name: "first" });
const kept = await put(new Float64Array(1_000_000).fill(7));
await shutdown();
await init({ address: "auto", name: "second" });
const filling = [];
for (let index = 0; index < 40; index++) filling.push(put(new Float64Array(1_000_000).fill(index)));
process.stdout.write(`${JSON.stringify({ isWhole: kept.every((each) => each === 7), count: filling.length })}\n`);
await shutdown();
