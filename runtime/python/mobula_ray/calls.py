"""Calls of a host's peer, of tasks and of actors: when they start, how they end, and whether they run again."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

import ray

from . import environments, groups, scheduling, shim, values
from .batches import Batch, Batches, Order
from .amounts import ray_name, requirements, units
from .cluster import too_much_for_all
from .entries import Entry, Line, check, problem_of, sealed
from .errors import ChildDied, UserError, user_error, wire
from .frames import Buffer, Message, pack
from .private import stream_options
from .streams import Stream

if TYPE_CHECKING:
    from .host import Host


@dataclass
class Call:
    task_id: str
    spec: Message
    entries: list[Entry]
    asks_retry: bool
    start: Callable[[], list[Any]]
    attempts_left: int
    running: Any = None
    stream: Optional[Stream] = None
    # It may travel with others, and does.
    order: Optional[Order] = None
    batch: Optional[Batch] = None
    cancel_reason: Optional[str] = None


class Calls:
    def __init__(self, host: Host, send: Callable[[Message], None]) -> None:
        self.host = host
        self._send = send
        self._batches: Optional[Batches] = None
        self._open: dict[str, Call] = {}
        self._runners: dict[tuple[Any, ...], Any] = {}
        self._verdicts: dict[int, Callable[[bool], None]] = {}
        self._next_verdict = 1
        # What was asked of actors that run on one node only.
        self.bound_actors: dict[str, Message] = {}
        # A call failed because its actor, of this id, is started again.
        self.on_lost_process: Callable[[str], None] = lambda _: None
        self.handlers: dict[str, Callable[[Message], None]] = {
            "submit": self._on_submit,
            "retry-answer": self._on_retry_answer,
            "items-wanted": self._on_items_wanted,
            "close-stream": self._on_close_stream,
            "cancel": self._on_cancel,
            "cancel-execution": self._on_cancel_execution,
        }

    def put_together(self, later: Callable[[float, Callable[[], None]], object]) -> None:
        """From now on, short calls travel together; see batches.py."""
        self._batches = Batches(self, later)

    def held_up(self, by: str, dropped: Sequence[str], ended: Mapping[str, str]) -> None:
        """A worker says that a call keeps others waiting, which of those it gives back, and what others gave before it."""
        if self._batches is not None:
            self._batches.held_up(by, dropped, ended)

    def _on_submit(self, message: Message) -> None:
        spec: Message = message["spec"]
        count = spec.get("numReturns") if message["gives"] == "many" else None
        code = self.host.code(message["codeId"])
        about = about_call(message)
        lane = None if self._batches is None else self._batches.lane(message, code)
        travels = None if lane is None else functools.partial(Order, lane, pack(about))
        if code.inline is not None:
            about["code"] = code.inline
        stream = self.stream_of(message)
        archives = environments.needs(self.host, spec)

        def start(arguments: Any, refs: Sequence[Any]) -> list[Any]:
            # Few arguments, and bytes: each costs Ray time, and more so if it has to be pickled.
            rest = () if code.entry is None and not refs else (code.ref(), *refs)
            order = about if stream is None else {**about, **stream.order()}
            told = environments.order(order, spec, archives)
            made = self._runner(self._as_tried(message), count, stream).remote(told, arguments, *rest)
            return list(made) if count is not None and count > 1 else [made]

        self.submit(message, start, [*code.needs(), *archives], count, stream, travels=travels)

    def stream_of(self, message: Message) -> Optional[Stream]:
        if message["gives"] != "stream":
            return None
        return Stream(self.host, self._send, message["taskId"], message["spec"].get("streamWindow"))

    def submit(
        self,
        message: Message,
        start: Callable[[Any, Sequence[Any]], list[Any]],
        needs: Sequence[Entry],
        count: Optional[int] = None,
        stream: Optional[Stream] = None,
        line: Optional[Line] = None,
        travels: Optional[Callable[[bytes], Order]] = None,
    ) -> None:
        """
        Call `start` with the arguments as Ray wants them, as soon as all that the call needs is there.

        :param count: so many results, instead of one
        :param stream: items instead of results; `start` returns Ray's generator of them
        :param line: calls in it start in the order in which they were made
        :param travels: makes of small arguments what the call needs to travel with others
        """
        spec: Message = message["spec"]
        task_id: str = message["taskId"]
        ids = [task_id] if count is None else [f"{task_id}.{index}" for index in range(count)]
        if stream is not None:
            ids = []
        entries = [self.host.made(id) for id in ids]
        refs = self.host.entries([ref["id"] for ref in spec.get("refs") or []])
        inside = self.host.entries(values.inside(message["args"]))
        needed = [*needs, *refs, *inside]
        before, gate = (None, None) if line is None else line.join()
        behind = needed if before is None else [*needed, before]

        def begin(parts: list[Buffer]) -> None:
            def made() -> list[Any]:
                check(needed)
                return start(sealed(parts, inside), [ref.ref for ref in refs])

            retries = spec.get("retries") or 0
            call = Call(task_id, spec, entries, bool(message.get("asksRetry")), made, retries, stream=stream)
            if travels is not None and not inside:
                arguments = sealed(parts, inside)
                call.order = travels(arguments) if isinstance(arguments, bytes) else None
            self._open[task_id] = call
            self.host.when_refs(behind, lambda: self._start(call))
            if gate is not None:
                self.host.when_refs(behind, lambda: gate.resolve(True))

        self.host.whole(message["args"], begin)

    def _as_tried(self, message: Message) -> Message:
        """Its spec; Ray does not know of runs that it made with others."""
        spec: Message = message["spec"]
        call = self._open.get(message["taskId"])
        return spec if call is None or call.order is None else {**spec, "retries": call.attempts_left}

    def _runner(self, spec: Message, count: Optional[int], stream: Optional[Stream]) -> Any:
        resources = {name: amount for name, amount in (spec.get("resources") or {}).items()}
        environment = (spec.get("environment") or {}).get("id")
        placement = spec.get("placement") or {}
        place = (placement.get("groupId"), placement.get("bundleIndex"), scheduling.key(spec))
        placed = self.host.groups.options(spec)
        in_ray = None if stream is None else stream.in_ray
        key = (spec["name"], spec.get("retries"), count, in_ray, environment, place, *sorted(resources.items()))
        runner = self._runners.get(key)
        if runner is None:
            if not placement:
                self.warn_of_size(spec)
            function = shim.remote_runner if in_ray is None else shim.remote_streamer
            gives = {"num_returns": max(1, count or 1)} if in_ray is None else stream_options(in_ray)
            runner = self._runners[key] = function.options(
                name=spec["name"],
                **gives,
                max_retries=spec.get("retries") or 0,
                retry_exceptions=[ChildDied],
                **requirements(spec),
                **placed,
                **scheduling.options(spec),
            )
        return runner

    def warn_of_size(self, spec: Message) -> None:
        """What no node can run waits; but work that must have one node fails there."""
        node = (spec.get("scheduling") or {}).get("node")
        if node is not None and not node["isSoft"]:
            return
        kind, name = ("Actor", spec["className"]) if "className" in spec else ("Task", spec["name"])
        wanted = {ray_name(name): units(name, amount) for name, amount in (spec.get("resources") or {}).items()}
        missing = too_much_for_all(wanted, (spec.get("scheduling") or {}).get("labels") or {})
        if missing is not None:
            self.host.print(f"{kind} '{name}' wants {missing} It waits until such a node joins the cluster.\n")

    def _start(self, call: Call) -> None:
        if not self.is_open(call):
            return  # cancelled
        if call.order is not None and self._batches is not None:
            self._batches.offer(call, call.order)
        else:
            self.start_alone(call)

    def is_open(self, call: Call) -> bool:
        return self._open.get(call.task_id) is call

    def start_alone(self, call: Call) -> bool:
        """As a task of Ray's. False when it could not be one; then that was told."""
        try:
            refs = call.start()
        except Exception as problem:
            self._refused(call, problem_of(problem, call.spec["name"]), "failed")
            return False
        call.running = refs[0]
        if call.stream is not None:
            call.stream.follow(refs[0], lambda error: self._ended(call, error, lambda: self._finish_stream(call, error)))
            return True
        if not call.asks_retry:
            for entry, ref in zip(call.entries, refs):
                entry.resolve(ref)
        if not call.entries:
            self.host.when_settled(refs[0], lambda future: self._all_ended(call, refs, [future]))
            return True
        futures: dict[int, Future[Any]] = {}

        def settled(index: int, future: Future[Any]) -> None:
            futures[index] = future
            if len(futures) == len(refs):
                self._all_ended(call, refs, [futures[at] for at in range(len(refs))])

        for index, ref in enumerate(refs):
            self.host.when_settled(ref, functools.partial(settled, index))
        return True

    def _refused(self, call: Call, error: Message, outcome: str) -> None:
        del self._open[call.task_id]
        for entry in call.entries:
            entry.resolve(None, error)
            self._send({"type": "failed", "id": entry.id, "error": error})
        self._send({"type": "call-ended", "taskId": call.task_id, "outcome": outcome})
        if call.stream is not None:
            self._send({"type": "stream-ended", "taskId": call.task_id, "error": error})

    def _all_ended(self, call: Call, refs: list[Any], futures: Sequence[Future[Any]]) -> None:
        if call.order is not None and self._batches is not None:
            self._batches.ended_alone(call.order.lane, futures[0])
        self._ended(call, futures[0].exception(), lambda: self._finish(call, refs, futures))

    def _ended(self, call: Call, error: Optional[BaseException], finish: Callable[[], None]) -> None:
        """A run is over; `finish` if there will be no other."""
        user = None if error is None else user_error(error)
        if call.asks_retry and user is not None and call.attempts_left > 0 and call.cancel_reason is None:
            self._ask_retry(call, user, finish)
        else:
            finish()

    def _ask_retry(self, call: Call, user: UserError, give_up: Callable[[], None]) -> None:
        number = self._next_verdict
        self._next_verdict += 1

        def decided(is_accepted: bool) -> None:
            if not is_accepted or call.cancel_reason is not None:
                give_up()
                return
            self.count_retry(call)
            self._start(call)

        self._verdicts[number] = decided
        question = {"type": "retry-asked", "number": number, "taskId": call.task_id}
        self._send({**question, "error": user.thrown, "classNames": user.class_names})

    def _on_retry_answer(self, message: Message) -> None:
        decide = self._verdicts.pop(message["number"], None)
        if decide is not None:
            decide(message["isAccepted"])

    def end(self, call: Call, ref: Any, future: Any) -> None:
        """A call that travelled with others has ended."""
        call.entries[0].resolve(ref)
        self._finish(call, [ref], [future])

    def count_retry(self, call: Call) -> None:
        call.attempts_left -= 1
        self._send({"type": "call-ended", "taskId": call.task_id, "outcome": "retried"})

    def _finish(self, call: Call, refs: list[Any], futures: Sequence[Future[Any]]) -> None:
        name = call.spec["name"]
        problem = self._over(call, futures[0].exception())
        for entry, ref, future in zip(call.entries, refs, futures):
            if call.asks_retry:
                entry.resolve(ref)
            if self.host.known(entry.id) is None:
                continue
            if problem is None:
                self.host.report(entry, future, name=name)
            else:
                self._send({"type": "failed", "id": entry.id, "error": problem})
        if problem is not None and not call.entries:
            self.host.print(f"{problem['message']}\n")
        self._tell_outcome(call, problem)

    def _finish_stream(self, call: Call, error: Optional[BaseException]) -> None:
        problem = self._over(call, error)
        self._tell_outcome(call, problem)
        self._send({"type": "stream-ended", "taskId": call.task_id, **({} if problem is None else {"error": problem})})

    def _over(self, call: Call, error: Optional[BaseException]) -> Optional[Message]:
        """The driver's error for it, if it failed."""
        self._open.pop(call.task_id, None)
        problem = None if error is None else self._problem(call, error)
        if problem is not None and problem.get("code") == "ACTOR_UNAVAILABLE":
            self.on_lost_process(call.spec["actorId"])
        return problem

    def _tell_outcome(self, call: Call, problem: Optional[Message]) -> None:
        is_cancelled = problem is not None and problem.get("code") == "TASK_CANCELLED"
        outcome = "finished" if problem is None else "cancelled" if is_cancelled else "failed"
        self._send({"type": "call-ended", "taskId": call.task_id, "outcome": outcome})

    def _problem(self, call: Call, error: BaseException) -> Message:
        is_of_user = user_error(error) is not None or call.cancel_reason is not None
        end = None if is_of_user else self.host.groups.ended(call.spec)
        if end is None:
            end = scheduling.ended(error, self.bound_actors.get(call.spec.get("actorId") or "") or call.spec)
        return end or self.host.problem(error, call.spec["name"], call.cancel_reason)

    # ── streams ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _on_items_wanted(self, message: Message) -> None:
        call = self._open.get(message["taskId"])
        if call is not None and call.stream is not None:
            call.stream.want(message["count"])

    def _on_close_stream(self, message: Message) -> None:
        call = self._open.get(message["taskId"])
        if call is not None and call.stream is not None:
            call.stream.close()
            self._cancel(call, {"reason": "its items are not wanted any more"})

    # ── cancelling ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _on_cancel(self, message: Message) -> None:
        task_id = ".".join(message["id"].split(".")[:2])
        call = self._open.get(task_id)
        if call is not None:
            self._cancel(call, message.get("options") or {})

    def _on_cancel_execution(self, message: Message) -> None:
        for call in list(self._open.values()):
            if ((call.spec.get("execution") or {}).get("messageId")) == message["messageId"]:
                self._cancel(call, {"reason": message["reason"]})

    def cancel_all(self, reason: str) -> None:
        for call in list(self._open.values()):
            self._cancel(call, {"reason": reason})

    def end_in_group(self, group_id: str) -> None:
        """A placement group was removed. What had not begun would wait for ever."""
        for call in list(self._open.values()):
            if (call.spec.get("placement") or {}).get("groupId") != group_id:
                continue
            if call.running is None:
                self._refused(call, groups.removed(call.spec), "failed")
            else:
                ray.cancel(call.running)

    def _cancel(self, call: Call, options: Message) -> None:
        call.cancel_reason = options.get("reason") or "cancel() was called"
        batch = call.batch
        if call.running is None or batch is not None:
            text = f"Task '{call.spec['name']}' was cancelled: {call.cancel_reason}."
            self._refused(call, wire("TASK_CANCELLED", text), "cancelled")
            if batch is not None and self._batches is not None:
                self._batches.left(batch, call)
            return
        if call.stream is not None:
            # A call that is held back would not see it.
            call.stream.drain()
        recursive = options.get("isRecursive", True)
        ray.cancel(call.running, force=bool(options.get("isForced")), recursive=recursive)


def about_call(message: Message) -> Message:
    """What the Node process is told beside the values; see RunOrder in ray.ts."""
    spec = message["spec"]
    about = {
        "taskId": message["taskId"],
        "codeId": message.get("codeId") or "",
        "name": spec["name"],
        "depth": spec.get("depth") or 0,
        "resources": spec.get("resources") or {},
        "indexes": [ref["index"] for ref in spec.get("refs") or []],
    }
    if message["gives"] == "many":
        about["numReturns"] = spec.get("numReturns") or 0
    for key in ("execution", "parent", "job", "timeoutMs"):
        if spec.get(key) is not None:
            about[key] = spec[key]
    return about
