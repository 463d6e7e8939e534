"""What work asks for, as options of Ray's. Amounts of resources are ten-thousandths on the wire."""

from __future__ import annotations

from . import environments
from .frames import Message

UNITS = 10_000


def ray_name(name: str) -> str:
    return {"cpus": "CPU", "gpus": "GPU", "memoryBytes": "memory"}.get(name, name)


def wire_name(name: str) -> str:
    return {"CPU": "cpus", "GPU": "gpus", "memory": "memoryBytes"}.get(name, name)


def in_words(amounts: dict[str, float]) -> str:
    """:param amounts: by Ray's names"""
    return ", ".join(f"{amount:g} {wire_name(name)}" for name, amount in amounts.items()) or "nothing"


def units(name: str, amount: float) -> float:
    return amount if name == "memoryBytes" else amount / UNITS


def requirements(spec: Message) -> Message:
    """Of a task or an actor: resources, and variables of the environment."""
    variables = environments.variables(spec)
    environment = {"runtime_env": {"env_vars": variables}} if variables else {}
    return {**amounts(spec.get("resources") or {}), **environment}


def amounts(resources: dict[str, float]) -> Message:
    rest = {name: units(name, amount) for name, amount in resources.items()}
    options: Message = {"num_cpus": rest.pop("cpus", 0), "num_gpus": rest.pop("gpus", 0)}
    if "memoryBytes" in rest:
        options["memory"] = rest.pop("memoryBytes")
    return {**options, "resources": rest}
