"""What there is in the cluster."""

from __future__ import annotations

import os
import time
from typing import Any, Optional

import ray

NAMES = {"CPU": "cpus", "GPU": "gpus", "memory": "memoryBytes"}
STARTED_AT_MS = time.time() * 1000


def describe() -> dict[str, Any]:
    """A ClusterDescription of `runtime/src/protocol/messages.ts`, as far as Ray says it without its dashboard."""
    total = ray.cluster_resources()
    free = ray.available_resources()
    store = total.get("object_store_memory", 0)
    return {
        "id": ray.get_runtime_context().get_job_id(),
        "engine": "ray",
        "version": ray.__version__,
        "startedAtMs": STARTED_AT_MS,
        "pid": os.getpid(),
        "resources": {
            NAMES.get(name, name): {"used": amount - free.get(name, 0), "total": amount}
            for name, amount in total.items()
            if name != "object_store_memory" and not name.startswith("node:")
        },
        "objectStore": {
            "usedBytes": store - free.get("object_store_memory", 0),
            "capacityBytes": store,
            "objects": 0,
            "spilledBytes": 0,
            "directory": "",
        },
        "workers": [],
        "placementGroups": [],
        "actors": [],
    }


def too_large_for(wanted: dict[str, float]) -> Optional[str]:
    """What of it no node has, in words; None when some node has it all. An autoscaler may still add such a node."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if any(all(node.get(name, 0) >= amount for name, amount in wanted.items()) for node in nodes):
        return None
    asked = ", ".join(f"{amount:g} {NAMES.get(name, name)}" for name, amount in wanted.items())
    return f"{asked}, which no node of the Ray cluster has."
