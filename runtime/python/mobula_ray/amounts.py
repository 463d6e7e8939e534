"""Amounts of resources: in ten-thousandths on the wire, in units for Ray."""

from __future__ import annotations

from .frames import Message

UNITS = 10_000


def ray_name(name: str) -> str:
    return {"cpus": "CPU", "gpus": "GPU", "memoryBytes": "memory"}.get(name, name)


def units(name: str, amount: float) -> float:
    return amount if name == "memoryBytes" else amount / UNITS


def amounts(resources: dict[str, float]) -> Message:
    """As options of a task or an actor."""
    rest = {name: units(name, amount) for name, amount in resources.items()}
    options: Message = {"num_cpus": rest.pop("cpus", 0), "num_gpus": rest.pop("gpus", 0)}
    if "memoryBytes" in rest:
        options["memory"] = rest.pop("memoryBytes")
    return {**options, "resources": rest}
