"""
What runs on Ray's workers: it hands the task to the Node process beside, and its result to Ray. Calls to Python run here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, Optional

import ray

from . import python_calls
from .environments import entered, opened_order
from .errors import ChildDied, Missing, UserError, wire
from .frames import Message, unpack
from .private import restarts, this_run

if TYPE_CHECKING:
    from .child import Child

_child: Optional[Child] = None


def run_task(about: Any, arguments: Any, code: Any = b"", *resolved: Any) -> Any:
    """:param about: which function, on whose behalf, and in what environment; see `about_call`, and `order`"""
    global _child
    call, environment, archives = opened_order(about)
    if python_calls.is_python(call["codeId"]):
        return python_calls.run_task(call, environment, archives, arguments, resolved)
    child = _running_child(environment, archives)
    call.update(this_run())
    try:
        said = child.run(call, arguments, code, resolved)
    except (ChildDied, KeyboardInterrupt):
        if not child.is_alive():
            _child = None
        raise
    if not child.is_alive():
        _child = None
    return _result_of(call, said)


class Unfinished:
    """In place of the result of a call that travelled with others."""

    def __init__(self, death: Optional[str] = None) -> None:
        # How the Node process ended that ran it; None when it has not begun, or was interrupted for the sake of another.
        self.death = death


def run_batch(told: bytes, code: Any = b"") -> Any:
    """
    Calls of one function, one after the other. A result each: its value, the `UserError` that it failed with, or `Unfinished`.

    :param told: code, if it rides along, and for each call what `run_task` gets as `about` and `arguments`; see batches.py
    """
    global _child
    inline, orders = unpack(told)
    calls = []
    run = this_run()
    for about, arguments in orders:
        call = {**unpack(about), **run}
        calls.append(({**call, "code": inline} if inline is not None else call, arguments))
    child = _running_child({}, ())
    said, death = child.run_each(calls, code)
    if not child.is_alive():
        _child = None
    results = [_result_or_why_not(call, each) for (call, _), each in zip(calls, said)]
    # One of those without an answer ran: the first.
    first = next((index for index, each in enumerate(said) if each is None), None)
    if death is not None and first is not None:
        results[first] = Unfinished(death)
    return tuple(results)


def _result_or_why_not(call: Message, said: Optional[Message]) -> Any:
    if said is None or said["type"] == "dropped" or said.get("reason") == "cancelled":
        return Unfinished()
    try:
        return _result_of(call, said)
    except UserError as problem:
        return problem


def stream_task(about: Any, arguments: Any, code: Any = b"", *resolved: Any) -> Iterator[Any]:
    """As `run_task`; Ray takes an item when its reader has room for it."""
    global _child
    call, environment, archives = opened_order(about)
    if python_calls.is_python(call["codeId"]):
        yield from python_calls.stream_task(call, environment, archives, arguments, resolved)
        return
    call.update(this_run())
    child = _running_child(environment, archives)
    try:
        for said in child.stream(call, arguments, code, resolved):
            yield from _items_of(call, said)
    finally:
        if _child is child and not child.is_alive():
            _child = None


def child_process(environment: Message, archives: Sequence[Any], *, is_actor: bool = False) -> Child:
    """:raises UserError: when the environment cannot be had"""
    from .child import Child

    try:
        return Child(entered(environment, archives) if environment else None, archives, is_actor=is_actor)
    except Missing as missing:
        raise UserError(missing.error, {}, []) from missing


def _running_child(environment: Message, archives: Sequence[Any]) -> Child:
    """Ray gives work of other environments other workers."""
    global _child
    if _child is not None and (not _child.is_alive() or _child.gpus != os.environ.get("CUDA_VISIBLE_DEVICES")):
        # Libraries look at their GPUs once.
        _child.kill()
        _child = None
    if _child is None:
        _child = child_process(environment, archives)
    return _child


def _items_of(call: Message, said: Message) -> Iterator[Any]:
    """An item, or nothing in the end. :raises UserError:"""
    result = _result_of(call, said)
    if said["type"] == "yielded":
        yield result


def _result_of(call: Message, said: Message) -> Any:
    name = call["name"]
    if said["type"] == "late" or said.get("reason") == "timeout":
        text = f"Task '{name}' was cancelled: it ran longer than {call.get('timeoutMs')} ms (timeoutMs)."
        raise UserError(wire("TASK_CANCELLED", text), {}, [])
    if said["type"] == "threw":
        raise UserError(said["error"], said["thrown"], said["classNames"])
    from .entries import sealed

    try:
        stored = [sealed(parts, inside, said.get("tookMs", 0.0)) for parts, inside in said["stored"]]
    except Missing as missing:
        raise UserError(missing.error, {}, []) from missing
    if "stream" in call:
        return stored[0] if stored else None
    if "numReturns" not in call:
        return stored[0]
    return tuple(stored) if len(stored) > 1 else stored[0] if stored else None


class Actor:
    """The actor of Ray's: it keeps the Node process that holds the TypeScript object."""

    def __init__(self, about: Any, arguments: Any, code: Any, *resolved: Any) -> None:
        spec, environment, archives = opened_order(about)
        self._name: str = spec["name"]
        self._problem: Optional[Message] = None
        try:
            self._child = child_process(environment, archives, is_actor=True)
        except UserError as problem:
            self._problem = problem.wire
            return
        about_self = {"taskId": f"{spec['actorId']}.0", "become": True, "restarts": restarts(), **this_run(), "attempt": 0}
        said = self._run({**spec, **about_self}, arguments, code, resolved)
        if said["type"] == "threw":
            self._problem = said["error"]

    def call(self, about: bytes, arguments: Any, *resolved: Any) -> Any:
        call = self._checked(about)
        return self._result(call, self._run(call, arguments, None, resolved))

    def call_stream(self, about: bytes, arguments: Any, *resolved: Any) -> Any:
        call = self._checked(about)
        try:
            for said in self._child.stream(call, arguments, None, resolved):
                yield from _items_of(call, said)
                self._leave_if(said)
        except ChildDied as problem:
            self._end_with(problem)

    def _checked(self, about: bytes) -> Message:
        if self._problem is not None:
            raise UserError(self._problem, {}, [])
        call: Message = unpack(about)
        return {**call, **this_run()}

    def _result(self, call: Message, said: Message) -> Any:
        result = _result_of(call, said)
        self._leave_if(said)
        return result

    def _leave_if(self, said: Message) -> None:
        if said.get("isLeaving"):
            ray.get_runtime_context().current_actor.__ray_terminate__.remote()

    def _run(self, about: Message, arguments: Any, code: Any, resolved: Sequence[Any]) -> Message:
        try:
            return self._child.run(about, arguments, code, resolved)
        except ChildDied as problem:
            self._end_with(problem)

    def _end_with(self, problem: ChildDied) -> NoReturn:
        """Its state is gone: Ray starts the actor again if it may."""
        print(f"The Node process of actor '{self._name}' ended: {problem}", file=sys.stderr, flush=True)
        os._exit(1)


class OverlappingActor(Actor):
    """One whose calls run beside each other, as many as Ray lets begin."""

    async def call(self, about: bytes, arguments: Any, *resolved: Any) -> Any:
        call = self._checked(about)
        return self._result(call, await self._child.run_beside(call, arguments, resolved))

    async def call_stream(self, about: bytes, arguments: Any, *resolved: Any) -> Any:
        call = self._checked(about)
        async for said in self._child.stream_beside(call, arguments, resolved):
            for item in _items_of(call, said):
                yield item
            self._leave_if(said)


def actor_class(name: str, max_concurrency: int, groups: dict[str, int]) -> Any:
    """Under the name that Ray's dashboard shows. :param groups: concurrency groups, with their limits"""
    if max_concurrency == 1 and not groups:
        return ray.remote(type(name, (Actor,), {}))
    # Ray's types know of functions only here.
    options: Any = {"max_concurrency": max_concurrency, "concurrency_groups": groups}
    return ray.remote(**options)(type(name, (OverlappingActor,), {}))


remote_runner: Any = ray.remote(run_task)
remote_batch: Any = ray.remote(run_batch)
remote_streamer: Any = ray.remote(stream_task)
