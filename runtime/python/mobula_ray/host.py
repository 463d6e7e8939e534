"""
Does with Ray what a driver, or the Node process of a worker, asks for in the messages of `runtime/src/protocol/remote.ts`.

Everything here runs on one thread, that of the peer; Ray's answers are brought to it by `peer.post`. Ids are made by those
who ask and name the same object everywhere; an id without an ObjectRef yet is one whose value or call is on its way, and
what needs it waits.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Optional, Protocol

import ray

from . import shim, values
from .cluster import describe, too_large_for
from .errors import ChildDied, Missing, UserError, to_wire, user_error, wire
from .frames import Buffer, Message, pack

UNITS = 10_000
# Code up to this size rides along with every call; larger code is stored once.
INLINE_CODE_BYTES = 8 * 1024


class Peer(Protocol):
    """The other end of the wire."""

    def send(self, message: Message) -> None: ...
    def send_blob(self, parts: Sequence[Buffer]) -> int: ...
    def take_blob(self, blob: int, use: Callable[[list[Buffer]], None]) -> None: ...
    def post(self, act: Callable[[], None]) -> None:
        """Call `act` on the thread of the host, from any thread."""


@dataclass
class Entry:
    id: str
    ref: Any = None
    handed: int = 0
    # Who waits until there is a ref.
    waiting: list[Callable[[], None]] = field(default_factory=list)
    # Why there will be none.
    error: Optional[Message] = None

    def resolve(self, ref: Any, error: Optional[Message] = None) -> None:
        self.ref = ref
        self.error = error
        waiting, self.waiting = self.waiting, []
        for act in waiting:
            act()


@dataclass
class Code:
    inline: Optional[Message] = None
    entry: Optional[Entry] = None
    # What it captures.
    refs: Sequence[Entry] = ()


@dataclass
class Call:
    task_id: str
    spec: Message
    entries: list[Entry]
    asks_retry: bool
    start: Callable[[], list[Any]]
    attempts_left: int
    running: Any = None
    cancel_reason: Optional[str] = None


class Host:
    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._objects: dict[str, Entry] = {}
        self._codes: dict[str, Code] = {}
        self._calls: dict[str, Call] = {}
        self._runners: dict[tuple[Any, ...], Any] = {}
        self._verdicts: dict[int, Callable[[bool], None]] = {}
        self._next_verdict = 1
        self._awaited: dict[int, Any] = {}
        self._next_awaited = 1

    def receive(self, message: Message) -> None:
        handler = getattr(self, "_on_" + message["type"].replace("-", "_"), None)
        if handler is not None:
            handler(message)

    # ── objects ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def adopt(self, ids: Sequence[str], refs: Sequence[Any]) -> None:
        """The peer gets a value with these inside."""
        for id, ref in zip(ids, refs):
            entry = self._objects.setdefault(id, Entry(id))
            entry.handed += 1
            if entry.ref is None and not entry.waiting:
                entry.ref = ref

    def lend(self, id: str, parts: Sequence[memoryview], ids: Sequence[str], refs: Sequence[Any]) -> None:
        """An object that lies in no store; the peer asks for it as for others, and says when it is done with it."""
        self._objects[id] = Entry(id, ref=_Lent((values.MARK, parts[0], list(parts[1:]), list(ids), list(refs))), handed=1)

    def take_back(self, ids: Sequence[str]) -> None:
        """What was lent is not needed any more."""
        for id in ids:
            self._objects.pop(id, None)

    def entries(self, ids: Sequence[str]) -> list[Entry]:
        return [self._objects.get(id) or Entry(id, error=lost(id)) for id in ids]

    def when_refs(self, entries: Sequence[Entry], act: Callable[[], None]) -> None:
        """As soon as each has a ref, or will never have one."""
        for entry in entries:
            if entry.ref is None and entry.error is None:
                entry.waiting.append(lambda: self.when_refs(entries, act))
                return
        act()

    def _on_put(self, message: Message) -> None:
        entry = self._made(message["id"])
        inside = self.entries(message["value"].get("refs") or [])

        def store(parts: list[Buffer]) -> None:
            self.when_refs(inside, lambda: self._store(entry, parts, inside))

        self.whole(message["value"], store)

    def _store(self, entry: Entry, parts: list[Buffer], inside: list[Entry]) -> None:
        try:
            check(inside)
            entry.resolve(ray.put(sealed(parts, inside)))
            self._peer.send({"type": "ready", "id": entry.id})
        except Exception as problem:
            entry.resolve(None, problem_of(problem, "put"))
            self._peer.send({"type": "failed", "id": entry.id, "error": entry.error})

    def whole(self, value: Message, use: Callable[[list[Buffer]], None]) -> None:
        parts = values.parts_in(value)
        if parts is not None:
            use(parts)
        else:
            self._peer.take_blob(value["blob"], use)

    def _made(self, id: str) -> Entry:
        entry = self._objects[id] = Entry(id, handed=1)
        return entry

    def _on_watch(self, message: Message) -> None:
        for entry in self.entries(message["ids"]):
            self.when_refs([entry], lambda entry=entry: self._watch(entry))  # type: ignore[misc]

    def _watch(self, entry: Entry) -> None:
        self._follow(entry, lambda future: self._report(entry, future))

    def _on_fetch(self, message: Message) -> None:
        for entry in self.entries([message["id"]]):
            self._follow(entry, lambda future: self._report(entry, future, isFetch=True))

    def _follow(self, entry: Entry, act: Callable[[Any], None]) -> None:
        if entry.ref is None:
            act(None)
        elif isinstance(entry.ref, _Lent):
            act(entry.ref)
        else:
            self._when_settled(entry.ref, act)

    def _when_settled(self, ref: Any, act: Callable[[Any], None]) -> None:
        """Ray brings the value along, so that it is here when somebody asks for it."""
        number = self._next_awaited
        self._next_awaited += 1
        self._awaited[number] = ref

        def settled(future: Any) -> None:
            self._awaited.pop(number, None)
            act(future)

        ref.future().add_done_callback(lambda future: self._peer.post(lambda: settled(future)))

    def awaited(self) -> list[Any]:
        """Refs that are not there yet, and that somebody waits for."""
        return list(self._awaited.values())

    def _report(self, entry: Entry, future: Optional[Future[Any]], *, isFetch: bool = False, name: str = "") -> None:
        """Tell that an object is there, or its value, or why it is not."""
        problem = entry.error or lost(entry.id)
        if future is not None:
            error = future.exception()
            if error is None:
                try:
                    self._tell(entry.id, future.result(), isFetch)
                    return
                except values.NotOurs as foreign:
                    error = foreign
            problem = to_wire(error, name or entry.id)
        self._peer.send({"type": "failed", "id": entry.id, "error": problem})

    def _tell(self, id: str, stored: Any, isFetch: bool) -> None:
        parts, ids, refs = values.opened(stored)
        if values.size_of(parts) <= values.MESSAGE_BYTES:
            self.adopt(ids, refs)
            message = {"type": "value" if isFetch else "ready", "id": id, "value": values.in_message(parts, ids)}
        elif isFetch:
            self.adopt(ids, refs)
            blob = self._peer.send_blob(parts)
            message = {"type": "value", "id": id, "value": values.with_ids({"blob": blob}, ids)}
        else:
            message = {"type": "ready", "id": id}
        self._peer.send(message)

    def _on_release(self, message: Message) -> None:
        for id, count in zip(message["ids"], message["counts"]):
            entry = self._objects.get(id)
            if entry is None:
                continue
            entry.handed -= count
            if entry.handed <= 0:
                del self._objects[id]

    # ── calls ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _on_code(self, message: Message) -> None:
        value = message["value"]
        inside = self.entries(value.get("refs") or [])
        parts = values.parts_in(value)
        if parts is not None and not inside and sum(map(len, parts)) <= INLINE_CODE_BYTES:
            self._codes[message["codeId"]] = Code(inline=value)
            return
        entry = Entry("code")
        self._codes[message["codeId"]] = Code(entry=entry, refs=inside)

        def store(parts: list[Buffer]) -> None:
            self.when_refs(inside, lambda: entry.resolve(ray.put(sealed(parts, inside))))

        self.whole(value, store)

    def _on_submit(self, message: Message) -> None:
        spec: Message = message["spec"]
        task_id: str = message["taskId"]
        count = spec.get("numReturns") if message["gives"] == "many" else None
        ids = [task_id] if count is None else [f"{task_id}.{index}" for index in range(count)]
        entries = [self._made(id) for id in ids]
        code = self._codes[message["codeId"]]
        refs = self.entries([ref["id"] for ref in spec.get("refs") or []])
        inside = self.entries(message["args"].get("refs") or [])
        needed = [*refs, *inside, *code.refs, *([] if code.entry is None else [code.entry])]
        about = pack(about_call(message, code))

        def begin(parts: list[Buffer]) -> None:
            def start() -> list[Any]:
                check(needed)
                arguments = sealed(parts, inside)
                stored_code = None if code.entry is None else code.entry.ref
                made = self._runner(spec, count).remote(about, arguments, stored_code, *(ref.ref for ref in refs))
                return list(made) if count is not None and count > 1 else [made]

            retries = spec.get("retries") or 0
            call = Call(task_id, spec, entries, bool(message.get("asksRetry")), start, retries)
            self._calls[task_id] = call
            self.when_refs(needed, lambda: self._start(call))

        self.whole(message["args"], begin)

    def _runner(self, spec: Message, count: Optional[int]) -> Any:
        resources = {name: amount for name, amount in (spec.get("resources") or {}).items()}
        key = (spec["name"], spec.get("retries"), count, *sorted(resources.items()))
        runner = self._runners.get(key)
        if runner is None:
            self._warn_of_size(spec["name"], resources)
            runner = self._runners[key] = shim.remote_runner.options(
                name=spec["name"],
                num_returns=max(1, count or 1),
                max_retries=spec.get("retries") or 0,
                retry_exceptions=[ChildDied],
                **amounts(resources),
            )
        return runner

    def _warn_of_size(self, name: str, resources: dict[str, float]) -> None:
        missing = too_large_for({ray_name(name): units(name, amount) for name, amount in resources.items()})
        if missing is not None:
            self.print(f"Task '{name}' wants {missing} It waits until such a node joins the cluster.\n")

    def _start(self, call: Call) -> None:
        if call.cancel_reason is not None:
            text = f"Task '{call.spec['name']}' was cancelled: {call.cancel_reason}."
            self._refused(call, wire("TASK_CANCELLED", text), "cancelled")
            return
        try:
            refs = call.start()
        except Exception as problem:
            self._refused(call, problem_of(problem, call.spec["name"]), "failed")
            return
        call.running = refs[0]
        if not call.asks_retry:
            for entry, ref in zip(call.entries, refs):
                entry.resolve(ref)
        if not call.entries:
            self._when_settled(refs[0], lambda future: self._ended(call, refs, [future]))
            return
        futures: dict[int, Future[Any]] = {}

        def settled(index: int, future: Future[Any]) -> None:
            futures[index] = future
            if len(futures) == len(refs):
                self._ended(call, refs, [futures[at] for at in range(len(refs))])

        for index, ref in enumerate(refs):
            self._when_settled(ref, functools.partial(settled, index))

    def _refused(self, call: Call, error: Message, outcome: str) -> None:
        del self._calls[call.task_id]
        for entry in call.entries:
            entry.resolve(None, error)
            self._peer.send({"type": "failed", "id": entry.id, "error": error})
        self._peer.send({"type": "call-ended", "taskId": call.task_id, "outcome": outcome})

    def _ended(self, call: Call, refs: list[Any], futures: Sequence[Future[Any]]) -> None:
        error = futures[0].exception()
        user = None if error is None else user_error(error)
        if call.asks_retry and user is not None and call.attempts_left > 0 and call.cancel_reason is None:
            self._ask_retry(call, user, lambda: self._finish(call, refs, futures))
        else:
            self._finish(call, refs, futures)

    def _ask_retry(self, call: Call, user: UserError, give_up: Callable[[], None]) -> None:
        number = self._next_verdict
        self._next_verdict += 1

        def decided(is_accepted: bool) -> None:
            if not is_accepted or call.cancel_reason is not None:
                give_up()
                return
            call.attempts_left -= 1
            self._peer.send({"type": "call-ended", "taskId": call.task_id, "outcome": "retried"})
            self._start(call)

        self._verdicts[number] = decided
        question = {"type": "retry-asked", "number": number, "taskId": call.task_id}
        self._peer.send({**question, "error": user.thrown, "classNames": user.class_names})

    def _on_retry_answer(self, message: Message) -> None:
        decide = self._verdicts.pop(message["number"], None)
        if decide is not None:
            decide(message["isAccepted"])

    def _finish(self, call: Call, refs: list[Any], futures: Sequence[Future[Any]]) -> None:
        self._calls.pop(call.task_id, None)
        name = call.spec["name"]
        error = futures[0].exception()
        problem = None if error is None else to_wire(error, name, call.cancel_reason)
        for entry, ref, future in zip(call.entries, refs, futures):
            if call.asks_retry:
                entry.resolve(ref)
            if entry.id not in self._objects:
                continue
            if problem is None:
                self._report(entry, future, name=name)
            else:
                self._peer.send({"type": "failed", "id": entry.id, "error": problem})
        if problem is not None and not call.entries:
            self.print(f"{problem['message']}\n")
        is_cancelled = problem is not None and problem.get("code") == "TASK_CANCELLED"
        outcome = "finished" if problem is None else "cancelled" if is_cancelled else "failed"
        self._peer.send({"type": "call-ended", "taskId": call.task_id, "outcome": outcome})

    # ── cancelling and questions ─────────────────────────────────────────────────────────────────────────────────────

    def _on_cancel(self, message: Message) -> None:
        task_id = ".".join(message["id"].split(".")[:2])
        call = self._calls.get(task_id)
        if call is not None:
            self._cancel(call, message.get("options") or {})

    def _on_cancel_execution(self, message: Message) -> None:
        for call in list(self._calls.values()):
            if ((call.spec.get("execution") or {}).get("messageId")) == message["messageId"]:
                self._cancel(call, {"reason": message["reason"]})

    def cancel_all(self, reason: str) -> None:
        for call in list(self._calls.values()):
            self._cancel(call, {"reason": reason})

    def _cancel(self, call: Call, options: Message) -> None:
        call.cancel_reason = options.get("reason") or "cancel() was called"
        if call.running is None:
            return  # it waits for its arguments, and will not start
        recursive = options.get("isRecursive", True)
        ray.cancel(call.running, force=bool(options.get("isForced")), recursive=recursive)

    def _on_question(self, message: Message) -> None:
        answer: Message = {"type": "no-answer", "number": message["number"]}
        try:
            if message["method"] == "describe":
                answer = {"type": "answer", "number": message["number"], "answer": describe()}
            else:
                text = f"'{message['method']}' is not supported here. A Ray cluster has its own dashboard."
                answer["error"] = wire("UNSUPPORTED", text)
        except Exception as problem:
            answer["error"] = problem_of(problem, message["method"])
        self._peer.send(answer)

    def print(self, text: str) -> None:
        output = {"type": "output", "stream": "stderr", "text": text, "source": "ray", "pid": 0}
        self._peer.send({"type": "output", "output": output})


class _Lent:
    """Stands for a value at hand, where otherwise a Future of Ray's does."""

    def __init__(self, stored: values.Envelope) -> None:
        self._stored = stored

    def exception(self) -> None:
        return None

    def result(self) -> values.Envelope:
        return self._stored


def sealed(parts: Sequence[Buffer], inside: Sequence[Entry]) -> values.Envelope:
    check(inside)
    return values.envelope(parts, [entry.id for entry in inside], [entry.ref for entry in inside])


def check(entries: Sequence[Entry]) -> None:
    for entry in entries:
        if entry.error is not None:
            raise Missing(entry.error)


def problem_of(problem: Exception, name: str) -> Message:
    return problem.error if isinstance(problem, Missing) else to_wire(problem, name)


def lost(id: str) -> Message:
    return wire("OBJECT_LOST", f"Object {id} is lost: nobody had a ref to it any more.")


def about_call(message: Message, code: Code) -> Message:
    spec = message["spec"]
    about = {
        "taskId": message["taskId"],
        "codeId": message["codeId"],
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
    if code.inline is not None:
        about["code"] = code.inline
    return about


def ray_name(name: str) -> str:
    return {"cpus": "CPU", "gpus": "GPU", "memoryBytes": "memory"}.get(name, name)


def units(name: str, amount: float) -> float:
    return amount if name == "memoryBytes" else amount / UNITS


def amounts(resources: dict[str, float]) -> Message:
    """Amounts of the wire as Ray's options."""
    rest = {name: units(name, amount) for name, amount in resources.items()}
    options: Message = {"num_cpus": rest.pop("cpus", 0), "num_gpus": rest.pop("gpus", 0)}
    if "memoryBytes" in rest:
        options["memory"] = rest.pop("memoryBytes")
    return {**options, "resources": rest}
