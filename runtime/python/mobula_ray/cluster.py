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
        "labels": labels_of(node),
        "resources": there,
    }
    if free is not None:
        left = of_work(free)
        row["used"] = {name: amount - left.get(name, 0) for name, amount in there.items()}
    return row


def of_work(amounts: dict[str, float]) -> dict[str, float]:
    return {NAMES.get(name, name): amount for name, amount in amounts.items() if not NOT_OF_WORK.search(name)}


def too_much_for_all(wanted: dict[str, float], selector: dict[str, str]) -> Optional[str]:
    """
    That no node has all of it, in words; None when one has. An autoscaler may still add such a node.

    :param selector: what is asked of the node's labels
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"] and has_labels(labels_of(node), selector)]
    if any(all(node.get(name, 0) >= amount for name, amount in wanted.items()) for node in nodes):
        return None
    asked = [f"{amount:g} {NAMES.get(name, name)}" for name, amount in wanted.items()]
    if selector:
        asked.append(f"the labels {labels_in_words(selector)}")
    return f"{', '.join(asked)}, which no node of the Ray cluster has."


def labels_of(node: dict[str, Any]) -> dict[str, str]:
    return dict(node.get("Labels") or {})


def has_labels(labels: dict[str, str], selector: dict[str, str]) -> bool:
    """:param selector: values `v`, `!v`, `in(a,b)` and `!in(a,b)`"""
    for name, text in selector.items():
        condition = text.removeprefix("!")
        values = condition[len("in(") : -1].split(",") if condition.endswith(")") else [condition]
        if (labels.get(name) in values) == text.startswith("!"):
            return False
    return True


def labels_in_words(labels: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in labels.items())


def request_room(room: dict[str, Any]) -> None:
    """What an autoscaler should make room for, in place of what it was told before. :param room: a RoomSpec of engine.ts"""
    from ray.autoscaler.sdk import request_resources

    bundles = [{ray_name(key): units(key, amount) for key, amount in each.items()} for each in room["bundles"]]
    request_resources(num_cpus=int(room["cpus"]), bundles=bundles)
