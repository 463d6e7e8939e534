"""
Short calls of one function travel to the workers together. A task of Ray's costs a millisecond or more of the cluster's
processors; where a call takes less than that, up to a hundred become one task with as many results.

How long the calls of a function take is known from those that have ended. Until then, and where calls are long, each is a task
of Ray's by itself. What is put together is what would only have waited: as long as Ray has fewer tasks of a function than its
workers can do, new calls go to it at once. A call that takes long after all does not hold up those behind it: its worker
drops them and says so in its log, which the session reads, and they go out again by themselves. Small results of those before it
are in that log too: Ray gives the results of a task all at once.
"""

from __future__ import annotations

import base64
import functools
import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Optional

import ray
from ray.exceptions import TaskCancelledError

from . import scheduling, shim, values
from .amounts import requirements, units
from .errors import ChildDied, UserError
from .frames import Message, pack
from .private import Settled

if TYPE_CHECKING:
    from .calls import Call, Calls

# Longer calls gain nothing worth the wait of those behind them.
SHORT_MS = 5.0
# How much work a task of Ray's should be.
BATCH_MS = 20.0
MAX_CALLS = 100
# Ray hands arguments over in messages up to this size.
MAX_BYTES = 64 * 1024
# How long calls are held back while none of their function ends; at first, while processes start.
HELD_BACK_S = 0.25
FIRST_HELD_BACK_S = 1.0
RESOURCES_FOR_S = 5.0


@dataclass
class Lane:
    """Calls of one function with the same options."""

    spec: Message
    code: Any
    # Of the longest of late.
    took_ms: Optional[float] = None
    # Tasks of Ray's that have not ended.
    in_flight: int = 0
    waiting: deque[Call] = field(default_factory=deque)
    is_timed: bool = False
    ended_at: float = 0.0

    def learn(self, took_ms: float) -> None:
        before = took_ms if self.took_ms is None or math.isinf(self.took_ms) else self.took_ms
        self.took_ms = max(took_ms, 0.8 * before + 0.2 * took_ms)
        self.ended_at = time.monotonic()


@dataclass
class Order:
    """What a call needs to travel with others."""

    lane: Lane
    told: bytes
    arguments: bytes


class Batch:
    """Calls that one task of Ray's runs, one after the other."""

    def __init__(self, lane: Lane, calls: list[Call], refs: list[Any]) -> None:
        self.lane = lane
        self.calls = calls
        self.refs = refs
        self.futures: dict[int, Any] = {}
        # The call that held up the others.
        self.slow: Optional[str] = None


class Failed:
    """Stands for a future of Ray's."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def exception(self) -> BaseException:
        return self._error


class Batches:
    def __init__(self, calls: Calls, later: Callable[[float, Callable[[], None]], object]) -> None:
        """:param later: calls something after so many seconds"""
        self._calls = calls
        self._later = later
        self._lanes: dict[tuple[Any, ...], Lane] = {}
        self._runners: dict[tuple[int, int], Any] = {}
        self._by_task: dict[str, Batch] = {}
        self._cpus = (0.0, -math.inf)

    def lane(self, message: Message, code: Any) -> Optional[Lane]:
        """Where calls like this one wait for each other; None for one that goes alone."""
        spec = message["spec"]
        if message["gives"] != "one" or message.get("asksRetry") or code.refs or not (spec.get("retries") or 0):
            return None  # without retries, a worker that is killed must fail the call that it ran, and no other
        if any(spec.get(key) for key in ("environment", "placement", "timeoutMs", "refs")):
            return None
        if code.entry is not None and code.entry.ref is None:
            return None
        resources = spec.get("resources") or {}
        key = (message["codeId"], spec["name"], spec["retries"], scheduling.key(spec), *sorted(resources.items()))
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(spec, code)
        return lane

    def offer(self, call: Call, order: Order) -> None:
        order.lane.waiting.append(call)
        self._fill(order.lane)

    def ended_alone(self, lane: Lane, future: Any) -> None:
        """A call of this lane that was a task by itself has ended."""
        lane.in_flight -= 1
        if future.exception() is None:
            lane.learn(values.took_ms(future.result()))
        self._fill(lane)

    def held_up(self, by: str, dropped: Sequence[str], ended: Mapping[str, str]) -> None:
        """The call `by` takes long; those that were dropped have not begun, and of those that `ended` this is what they gave."""
        batch = self._by_task.get(by)
        if batch is None:
            return
        batch.slow = by
        batch.lane.took_ms = math.inf
        for call in batch.calls:
            if call.task_id in dropped and call.batch is batch:
                call.batch = None
                self._alone(call, batch.lane)
            elif call.task_id in ended and call.batch is batch:
                call.batch = None
                stored = base64.b64decode(ended[call.task_id])
                self._calls.end(call, ray.put(stored), Settled(stored))
        self._end_if_useless(batch)
        self._fill(batch.lane)

    def left(self, batch: Batch, call: Call) -> None:
        """The call was cancelled: what it gives is not wanted any more."""
        call.batch = None
        self._end_if_useless(batch)

    # ── which calls go now ───────────────────────────────────────────────────────────────────────────────────────────

    def _fill(self, lane: Lane) -> None:
        while lane.waiting and (self._is_slow(lane) or lane.in_flight < self._wanted(lane)):
            calls = self._next_calls(lane)
            if len(calls) == 1:
                self._alone(calls[0], lane)
            elif calls:
                self._together(lane, calls)
        if lane.waiting and not lane.is_timed:
            lane.is_timed = True
            lane.ended_at = time.monotonic()
            self._later(self._patience(lane), lambda: self._look_again(lane))

    def _look_again(self, lane: Lane) -> None:
        lane.is_timed = False
        if lane.waiting and time.monotonic() - lane.ended_at >= 0.9 * self._patience(lane):
            # Nothing has ended: it is for Ray to see what waits, and to find or start the workers for it.
            lane.took_ms = math.inf
        self._fill(lane)

    def _patience(self, lane: Lane) -> float:
        return FIRST_HELD_BACK_S if lane.took_ms is None else HELD_BACK_S

    def _is_slow(self, lane: Lane) -> bool:
        return lane.took_ms is not None and lane.took_ms > SHORT_MS

    def _wanted(self, lane: Lane) -> int:
        """Tasks of Ray's that keep all workers at work, and have the next ones ready."""
        cpus, at = self._cpus
        now = time.monotonic()
        if now - at > RESOURCES_FOR_S:
            cpus = float(ray.cluster_resources().get("CPU", 1.0))
            self._cpus = (cpus, now)
        each = units("cpus", (lane.spec.get("resources") or {}).get("cpus", 0)) or 1.0
        return 2 * max(1, int(cpus / each))

    def _next_calls(self, lane: Lane) -> list[Call]:
        """As many as should go together now; none when all were cancelled meanwhile."""
        count = self._count(lane)
        calls: list[Call] = []
        size = 0
        while lane.waiting and len(calls) < count:
            call = lane.waiting[0]
            if self._calls.is_open(call):
                order = call.order
                size += 0 if order is None else len(order.arguments) + len(order.told)
                if calls and size > MAX_BYTES:
                    break
                calls.append(call)
            lane.waiting.popleft()
        return calls

    def _count(self, lane: Lane) -> int:
        if lane.took_ms is None or self._is_slow(lane):
            return 1
        # Each worker gets its share.
        free = max(1, self._wanted(lane) - lane.in_flight)
        share = -(-len(lane.waiting) // free)
        return max(1, min(MAX_CALLS, share, int(BATCH_MS / max(lane.took_ms, 0.01))))

    # ── on their way ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _alone(self, call: Call, lane: Lane) -> None:
        if self._calls.is_open(call) and self._calls.start_alone(call):
            lane.in_flight += 1

    def _together(self, lane: Lane, calls: list[Call]) -> None:
        orders = [call.order for call in calls if call.order is not None]
        told = pack([lane.code.inline, [[order.told, order.arguments] for order in orders]])
        code = [] if lane.code.entry is None else [lane.code.ref()]
        lane.in_flight += 1
        refs: list[Any] = list(self._runner(lane, len(calls)).remote(told, *code))
        batch = Batch(lane, calls, refs)
        for index, (call, ref) in enumerate(zip(calls, refs)):
            call.batch = batch
            call.running = ref
            self._by_task[call.task_id] = batch
            self._calls.host.when_settled(ref, functools.partial(self._settled, batch, index))

    def _runner(self, lane: Lane, count: int) -> Any:
        key = (id(lane), count)
        runner = self._runners.get(key)
        if runner is None:
            runner = self._runners[key] = shim.remote_batch.options(
                name=lane.spec["name"],
                num_returns=count,
                max_retries=lane.spec["retries"],
                **requirements(lane.spec),
                **scheduling.options(lane.spec),
            )
        return runner

    def _settled(self, batch: Batch, index: int, future: Any) -> None:
        batch.futures[index] = future
        if len(batch.futures) < len(batch.refs):
            return
        batch.lane.in_flight -= 1
        for at, call in enumerate(batch.calls):
            del self._by_task[call.task_id]
            self._learn(batch.lane, batch.futures[at])
            if call.batch is batch:
                call.batch = None
                self._give(batch.lane, call, batch.refs[at], batch.futures[at])
        self._fill(batch.lane)

    def _learn(self, lane: Lane, future: Any) -> None:
        if future.exception() is None:
            stored = future.result()
            if not isinstance(stored, (shim.Unfinished, UserError)):
                lane.learn(values.took_ms(stored))

    def _give(self, lane: Lane, call: Call, ref: Any, future: Any) -> None:
        error = future.exception()
        stored = None if error is not None else future.result()
        if isinstance(error, TaskCancelledError):
            self._alone(call, lane)  # another one was
        elif isinstance(stored, UserError):
            self._calls.end(call, ref, Failed(stored))
        elif not isinstance(stored, shim.Unfinished):
            self._calls.end(call, ref, future)
        elif stored.death is None:
            self._alone(call, lane)
        elif call.attempts_left > 0:
            self._calls.count_retry(call)
            self._alone(call, lane)
        else:
            self._calls.end(call, ref, Failed(ChildDied(stored.death)))

    def _end_if_useless(self, batch: Batch) -> None:
        """Nobody wants any of them, or the one that keeps the others waiting."""
        wanted = {call.task_id for call in batch.calls if call.batch is batch}
        if not wanted or (batch.slow is not None and batch.slow not in wanted):
            ray.cancel(batch.refs[0], recursive=True)
