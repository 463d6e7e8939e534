"""One run of the Ray suite in Python: `driver` on the cluster's own machine, or `client` through Ray Client. Prints as ours.mjs."""

import json
import os
import sys
import time

import numpy as np
import ray

SIDE = sys.argv[1]
WINDOW_S, SETTLE_S = (int(argument) / 1000 for argument in sys.argv[2:])

ray.init(os.environ["RAY_CLIENT_ADDRESS" if SIDE == "client" else "RAY_GCS_ADDRESS"], logging_level="ERROR", log_to_driver=False)


@ray.remote
def one():
    return 1


@ray.remote
def count(end):
    for index in range(end):
        yield index


@ray.remote
def last_of(array):
    return int(array[-1])


@ray.remote(num_cpus=0)
class Counter:
    def one(self):
        return 1


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


ray.get([one.remote() for _ in range(1000)])
time.sleep(SETTLE_S)
rows = {}
rows["task-sync"] = rate(1, lambda: ray.get(one.remote()))
rows["task-async"] = rate(1000, lambda: sum(ray.get([one.remote() for _ in range(1000)])))
counter = Counter.remote()
rows["actor-sync"] = rate(1, lambda: ray.get(counter.one.remote()))
rows["actor-async"] = rate(1000, lambda: sum(ray.get([counter.one.remote() for _ in range(1000)])))
rows["put-small"] = rate(100, lambda: len([ray.put(0) for _ in range(100)]))
zero = ray.put(0)
rows["get-small"] = rate(1, lambda: ray.get(zero))
big = np.full(100_000_000, 7, dtype=np.uint8)
last = None


def put_big():
    global last
    last = ray.put(big)
    return big.size


rows["put-100MB"] = rate(0.1, put_big)
rows["put-100MB"]["result"] = ray.get(last_of.remote(last))
last = None
if SIDE == "driver":
    # Ray Client has no streams.
    rows["stream-items"] = rate(1000, lambda: sum(ray.get(item) for item in count.remote(1000)))
ray.shutdown()
print(json.dumps(rows))
