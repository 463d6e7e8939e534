// One run of the core suite on piscina: prints {"row": {"value", "result"}} as JSON.
import { Piscina } from "piscina";
import { measure } from "./threads/measure.mjs";

const [cpus, windowMs] = process.argv.slice(2).map(Number);
const pool = new Piscina({
  filename: new URL("threads/work.mjs", import.meta.url).href,
  minThreads: cpus,
  maxThreads: cpus,
});
const rows = await measure((name, payload) => pool.run(payload, { name }), windowMs);
await pool.destroy();
console.log(JSON.stringify(rows));
