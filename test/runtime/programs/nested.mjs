// Tasks that await tasks, deeper and wider than there are CPUs.
import { init, task } from "mobula";

await init({ cpus: 2 });
const chain = task(async (depth) => (depth === 0 ? 0 : 1 + (await chain(depth - 1))));
const fib = task(async (n) => {
  if (n < 2) return n;
  const [a, b] = await Promise.all([fib(n - 1), fib(n - 2)]);
  return a + b;
});
process.stdout.write(`${JSON.stringify({ chain: await chain(8), tree: await fib(8) })}\n`);
