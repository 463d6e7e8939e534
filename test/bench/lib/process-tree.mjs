// Memory of a program with all its processes, as Linux tells it.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** Resident memory of a program's process tree, by default of this one's, shared pages counted once per process. */
export function residentMegabytes(root = process.pid) {
  const parents = new Map();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      parents.set(Number(pid), Number(readFileSync(`/proc/${pid}/stat`, "utf8").replace(/.*\) /s, "").split(" ")[1]));
    } catch {
      // ended meanwhile
    }
  }
  const isOurs = (pid) => pid !== undefined && pid > 1 && (pid === root || isOurs(parents.get(pid)));
  let pages = 0;
  for (const pid of parents.keys()) {
    if (!isOurs(pid)) continue;
    try {
      pages += Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
    } catch {
      // ended meanwhile
    }
  }
  return (pages * PAGE_BYTES) / 1e6;
}

const PAGE_BYTES = Number(spawnSync("getconf", ["PAGESIZE"], { encoding: "utf8" }).stdout);

/** Highest resident memory of the tree while `work` runs, looked at ten times a second, as far as it lets timers run. */
export async function withPeak(work) {
  let peak = residentMegabytes();
  const look = () => {
    peak = Math.max(peak, residentMegabytes());
  };
  const timer = setInterval(look, 100);
  try {
    const value = await work(look);
    look();
    return { value, peak };
  } finally {
    clearInterval(timer);
  }
}
