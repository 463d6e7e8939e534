// A driver that uses the cluster and simply comes to its end.
import { get, task } from "mobula";

const double = task((n) => 2 * n);
const values = await get([double(1), double(2)]);
process.stdout.write(`${values.join()}\n`);
