// A driver of this machine that joins the standing cluster whose files lie in the folder given, and computes something.
process.env.MOBULA_STATE_DIR = process.argv[2];
process.env.XDG_RUNTIME_DIR = "";
const { get, init, shutdown, task } = await import("../../../runtime/dist/index.js");
await init({ address: "auto" });
const same = task((n) => n);
const values = await get(Array.from({ length: 100 }, (_, n) => same(n)));
process.stdout.write(`${JSON.stringify({ sum: values.reduce((sum, n) => sum + n, 0) })}\n`);
await shutdown();
