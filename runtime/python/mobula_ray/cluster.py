"""What there is in the cluster."""

from __future__ import annotations

import os
import re
import time
from typing import Any, Optional

import ray

from .amounts import ray_name, units
from .private import free_by_node

NAMES = {"CPU": "cpus", "GPU": "gpus", "memory": "memoryBytes"}
# Names of nodes, what is set aside for placement groups, and the store, which is told apart.
NOT_OF_WORK = re.compile(r"^node:|_group_(\d+_)?[0-9a-f]{36}$|^object_store_memory$")
STARTED_AT_MS = time.time() * 1000


def describe() -> dict[str, Any]:
    """A ClusterDescription of `runtime/src/protocol/messages.ts`, as far as Ray says it without its dashboard."""
    total = ray.cluster_resources()
    free = ray.available_resources()
    unused = of_work(free)
    store = total.get("object_store_memory", 0)
    return {
        "id": ray.get_runtime_context().get_job_id(),
        "engine": "ray",
        "version": ray.__version__,
        "startedAtMs": STARTED_AT_MS,
        "pid": os.getpid(),
        "resources": {
            name: {"used": amount - unused.get(name, 0), "total": amount} for name, amount in of_work(total).items()
        },
        "objectStore": {
            "usedBytes": store - free.get("object_store_memory", 0),
            "capacityBytes": store,
        },
        "nodes": nodes(),
        "workers": [],
        "placementGroups": [],
        "actors": [],
    }


def nodes() -> list[dict[str, Any]]:
    """Those that are alive, as NodeRows of `runtime/src/protocol/state.ts`; the head first."""
    free = free_by_node()
    rows = [node_row(node, free.get(node["NodeID"])) for node in ray.nodes() if node["Alive"]]
    return sorted(rows, key=lambda row: not row["isHead"])


def node_row(node: dict[str, Any], free: Optional[dict[str, float]]) -> dict[str, Any]:
    there = of_work(node["Resources"])
    row = {
        "id": node["NodeID"],
        "host": node["NodeManagerHostname"] or node["NodeManagerAddress"],
        "state": "alive",
        "isHead": "node:__internal_head__" in node["Resources"],
        "resources": there,
    }
    if free is not None:
        left = of_work(free)
        row["used"] = {name: amount - left.get(name, 0) for name, amount in there.items()}
    return row


def of_work(amounts: dict[str, float]) -> dict[str, float]:
    return {NAMES.get(name, name): amount for name, amount in amounts.items() if not NOT_OF_WORK.search(name)}


def too_large_for(wanted: dict[str, float]) -> Optional[str]:
    """What of it no node has, in words; None when some node has it all. An autoscaler may still add such a node."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if any(all(node.get(name, 0) >= amount for name, amount in wanted.items()) for node in nodes):
        return None
    asked = ", ".join(f"{amount:g} {NAMES.get(name, name)}" for name, amount in wanted.items())
    return f"{asked}, which no node of the Ray cluster has."


def request_room(room: dict[str, Any]) -> None:
    """What an autoscaler should make room for, in place of what it was told before. :param room: a RoomSpec of engine.ts"""
    from ray.autoscaler.sdk import request_resources

    bundles = [{ray_name(key): units(key, amount) for key, amount in each.items()} for each in room["bundles"]]
    request_resources(num_cpus=int(room["cpus"]), bundles=bundles)
