"""Which nodes work may run on: a WireScheduling of messages.ts, as options of Ray's."""

from __future__ import annotations

from typing import Any, Optional

import ray
from ray.exceptions import ActorUnschedulableError, TaskUnschedulableError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from .amounts import in_words, ray_name, units
from .cluster import labels_in_words
from .errors import Missing, wire
from .frames import Message


def options(spec: Message) -> Message:
    """Of a task or an actor. :raises Missing: when the node that it must have is none that Ray could have"""
    scheduling = spec.get("scheduling")
    if not scheduling:
        return {}
    labels = {"label_selector": scheduling["labels"]} if scheduling.get("labels") else {}
    node = scheduling.get("node")
    if node is None:
        return {**labels, **({"scheduling_strategy": "SPREAD"} if scheduling.get("isSpread") else {})}
    try:
        return {**labels, "scheduling_strategy": NodeAffinitySchedulingStrategy(node["id"], node["isSoft"])}
    except ValueError:
        # Ray gives no node such an id.
        if node["isSoft"]:
            return labels
        raise Missing(nowhere(spec)) from None


def key(spec: Message) -> tuple[Any, ...]:
    """Equal for work that may run on the same nodes."""
    scheduling = spec.get("scheduling")
    if not scheduling:
        return ()
    node = scheduling.get("node") or {}
    labels = sorted((scheduling.get("labels") or {}).items())
    return (scheduling.get("isSpread"), node.get("id"), node.get("isSoft"), *labels)


def ended(error: BaseException, spec: Message) -> Optional[Message]:
    """Why work failed, when that is because of the node it must run on. :param spec: of a task or an actor"""
    is_of_node = isinstance(error, (TaskUnschedulableError, ActorUnschedulableError))
    return nowhere(spec) if is_of_node and (spec.get("scheduling") or {}).get("node") else None


def nowhere(spec: Message) -> Message:
    name = spec.get("className") or spec["name"]
    scheduling = spec["scheduling"]
    node: str = scheduling["node"]["id"]
    if not any(each["Alive"] and each["NodeID"] == node for each in ray.nodes()):
        advice = "Take an id from listNodes(), or add soft: true to let it run elsewhere."
        return wire("UNSCHEDULABLE", f"'{name}' can run nowhere: there is no node '{node}'. {advice}")
    wanted = in_words({ray_name(each): units(each, amount) for each, amount in (spec.get("resources") or {}).items()})
    labels = scheduling.get("labels")
    beside = f" with the labels {labels_in_words(labels)}" if labels else ""
    text = f"'{name}' can run nowhere: node '{node}' can never give it {wanted}{beside}."
    return wire("UNSCHEDULABLE", f"{text} Ask for less, or add soft: true to let it run elsewhere.")
