"""One run of the core suite on Ray: prints {"row": {"value", "result"}} as JSON. Definitions as in Ray's microbenchmark."""

import json
import os
import sys
import time

CPUS = int(sys.argv[1])
WINDOW_S = int(sys.argv[2]) / 1000

os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
import numpy as np  # noqa: E402

cold_start = time.perf_counter()
import ray  # noqa: E402

ray.init(num_cpus=CPUS, include_dashboard=False, logging_level="ERROR", object_store_memory=2_000_000_000, log_to_driver=False)


@ray.remote
def one():
    return 1


@ray.remote
def echo(payload):
    return payload


@ray.remote(num_cpus=0)
class Counter:
    def one(self):
        return 1


@ray.remote(num_cpus=0)
def call_all(targets):
    return sum(ray.get([targets[index % len(targets)].one.remote() for index in range(1000)]))


def rate(multiplier, work):
    warm_until = time.perf_counter() + WINDOW_S / 4
    while True:
        result = work()
        if time.perf_counter() >= warm_until:
            break
    start = time.perf_counter()
    calls = 0
    while True:
        work()
        calls += 1
        elapsed = time.perf_counter() - start
        if elapsed >= WINDOW_S:
            return {"value": multiplier * calls / elapsed, "result": result}


def resident_megabytes():
    """Resident memory of this program's process tree, shared pages counted once per process that touched them."""
    parents, session = {}, os.path.realpath(ray._private.worker._global_node.get_session_dir_path())
    ours = {os.getpid()}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as file:
                parents[int(pid)] = int(file.read().rsplit(") ", 1)[1].split()[1])
            with open(f"/proc/{pid}/cmdline") as file:
                if session in file.read():
                    ours.add(int(pid))
        except (OSError, IndexError):
            continue

    def is_ours(pid):
        return pid in ours or (pid in parents and parents[pid] > 1 and is_ours(parents[pid]))

    pages = 0
    for pid in parents:
        if is_ours(pid):
            with open(f"/proc/{pid}/statm") as file:
                pages += int(file.read().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def wait_1k():
    pending, done = [one.remote() for _ in range(1000)], 0
    while pending:
        ready, pending = ray.wait(pending)
        done += len(ready)
    return done


first = ray.get(one.remote())
rows = {"cold-start": {"value": (time.perf_counter() - cold_start) * 1000, "result": first}}
time.sleep(1)
rows["idle-memory"] = {"value": resident_megabytes(), "result": None}
rows["task-sync"] = rate(1, lambda: ray.get(one.remote()))
rows["task-async"] = rate(1000, lambda: sum(ray.get([one.remote() for _ in range(1000)])))
payload = np.full(1_000_000, 7, dtype=np.uint8)


def check_of(value):
    return len(value) + int(value[999_999])


rows["task-1MB-sync"] = rate(1, lambda: check_of(ray.get(echo.remote(payload))))
rows["task-1MB-async"] = rate(100, lambda: sum(map(check_of, ray.get([echo.remote(payload) for _ in range(100)]))))
counter = Counter.remote()
rows["actor-sync"] = rate(1, lambda: ray.get(counter.one.remote()))
rows["actor-async"] = rate(1000, lambda: sum(ray.get([counter.one.remote() for _ in range(1000)])))
others = [Counter.remote() for _ in range(CPUS)]
rows["actor-nn"] = rate(1000 * CPUS, lambda: sum(ray.get([call_all.remote(others) for _ in range(CPUS)])))
rows["put-small"] = rate(1, lambda: (ray.put(0), 1)[1])
zero = ray.put(0)
rows["get-small"] = rate(1, lambda: ray.get(zero))
big = np.full(100_000_000, 7, dtype=np.uint8)
last = None


def put_big():
    global last
    last = ray.put(big)
    return big.size


rows["put-100MB"] = rate(0.1, put_big)
rows["put-100MB"]["result"] = int(ray.get(last)[-1])
rows["wait-1k"] = rate(1, wait_1k)
ray.shutdown()
print(json.dumps(rows))
