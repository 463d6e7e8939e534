"""What runs on Ray's workers: it hands the task to the Node process beside, and its result to Ray."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Optional

import ray

from .errors import ChildDied, Missing, UserError, wire
from .frames import Message, unpack
from .private import attempt_number

if TYPE_CHECKING:
    from .child import Child

_child: Optional[Child] = None


def run_task(about: bytes, arguments: Any, code: Any, *resolved: Any) -> Any:
    """:param about: which function, and on whose behalf; see `about_call` in host.py"""
    global _child
    call: Message = unpack(about)
    child = _running_child()
    call["attempt"] = attempt_number()
    try:
        said = child.run(call, arguments, code, resolved)
    except (ChildDied, KeyboardInterrupt):
        if not child.is_alive():
            _child = None
        raise
    if not child.is_alive():
        _child = None
    return _result_of(call, said)


def _running_child() -> Child:
    global _child
    from .child import Child

    if _child is not None and (not _child.is_alive() or _child.gpus != os.environ.get("CUDA_VISIBLE_DEVICES")):
        # Libraries look at their GPUs once.
        _child.kill()
        _child = None
    if _child is None:
        _child = Child()
    return _child


def _result_of(call: Message, said: Message) -> Any:
    name = call["name"]
    if said["type"] == "late" or said.get("reason") == "timeout":
        text = f"Task '{name}' was cancelled: it ran longer than {call.get('timeoutMs')} ms (timeoutMs)."
        raise UserError(wire("TASK_CANCELLED", text), {}, [])
    if said["type"] == "threw":
        raise UserError(said["error"], said["thrown"], said["classNames"])
    from .host import sealed

    try:
        stored = [sealed(parts, inside) for parts, inside in said["stored"]]
    except Missing as missing:
        raise UserError(missing.error, {}, []) from missing
    if "numReturns" not in call:
        return stored[0]
    return tuple(stored) if len(stored) > 1 else stored[0] if stored else None


remote_runner: Any = ray.remote(run_task)
