import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { controlGroupMemory, privateBytesOf } from "../../../runtime/src/node/memory-readings.ts";

/** A root folder with these files under /proc and /sys. */
function rootWith(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), "groups-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

it("a group of version 2 has the tightest limit of itself and those above; pages that can be dropped are free", () => {
  const root = rootWith({
    "proc/self/cgroup": "0::/user.slice/app\n",
    "sys/fs/cgroup/user.slice/app/memory.max": "max\n",
    "sys/fs/cgroup/user.slice/app/memory.current": "500\n",
    "sys/fs/cgroup/user.slice/memory.max": "2000\n",
    "sys/fs/cgroup/user.slice/memory.current": "1500\n",
    "sys/fs/cgroup/user.slice/memory.stat": "anon 900\ninactive_file 300\nactive_file 1\n",
  });
  expect(controlGroupMemory(root)).toEqual({ usedBytes: 1200, totalBytes: 2000 });
});

it("a container of version 1 sees its own group at the mount, though its path is the machine's", () => {
  const root = rootWith({
    "proc/self/cgroup": "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/docker/abc\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "4096000\n",
    "sys/fs/cgroup/memory/memory.usage_in_bytes": "1000000\n",
    "sys/fs/cgroup/memory/memory.stat": "inactive_file 5\ntotal_inactive_file 200000\n",
  });
  expect(controlGroupMemory(root)).toEqual({ usedBytes: 800_000, totalBytes: 4_096_000 });
});

it("no limit is none", () => {
  const files = { "proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.usage_in_bytes": "1\n" };
  const unlimited = { ...files, "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n" };
  expect(controlGroupMemory(rootWith(unlimited))).toBeUndefined();
  expect(controlGroupMemory(rootWith({}))).toBeUndefined();
});

it.runIf(process.platform === "linux")("a process has some memory of its own, one that is gone has none", () => {
  expect(privateBytesOf(process.pid)).toBeGreaterThan(1_000_000);
  expect(privateBytesOf(2 ** 22 + 1)).toBe(0);
});
