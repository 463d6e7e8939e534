// Tasks that await tasks, deeper and wider than there are CPUs. Arguments: CPUs, depth of the chain, size of the tree.
import { init, task } from "mobula";

const [cpus = 2, depth = 8, size = 8] = process.argv.slice(2).map(Number);
await init({ cpus });
const chain = task(async (depth) => (depth === 0 ? 0 : 1 + (await chain(depth - 1))));
const fib = task(async (n) => {
  if (n < 2) return n;
  const [a, b] = await Promise.all([fib(n - 1), fib(n - 2)]);
  return a + b;
});
process.stdout.write(`${JSON.stringify({ chain: await chain(depth), tree: await fib(size) })}\n`);
