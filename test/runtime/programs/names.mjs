// A driver of a standing cluster that makes named actors and ends, or looks for those of another. Argument: make | find.
import { actor, context, init, kill, shutdown } from "mobula";

class Counter {
  n = 0;
  add(k) {
    this.n += k;
    return this.n;
  }
}

await init({ address: "auto", namespace: "tests" });
if (process.argv[2] === "make") {
  const CounterActor = actor(Counter);
  const mortal = new (CounterActor.with({ name: "mortal" }))();
  const lasting = new (CounterActor.with({ name: "lasting", lifetime: "detached", maxRestarts: 1 }))();
  await Promise.all([mortal.add(1), lasting.add(5)]);
  console.log(JSON.stringify({ names: await actor.list(), jobId: context().jobId }));
} else {
  const lasting = await actor.get("lasting");
  const mortal = await actor.get("mortal");
  console.log(JSON.stringify({ n: await lasting.add(1), mortal: mortal === undefined, names: await actor.list() }));
  kill(lasting);
}
await shutdown();
