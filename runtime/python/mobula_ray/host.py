"""
Does with Ray what a driver, or the Node process of a worker, asks for in the messages of `runtime/src/protocol/remote.ts`.

Everything here runs on one thread, that of the peer; Ray's answers are brought to it by `peer.post`. Ids are made by those
who ask and name the same object everywhere; an id without an ObjectRef yet is one whose value or call is on its way, and
what needs it waits.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Optional, Protocol

import ray
from ray.exceptions import ObjectLostError, RayTaskError

from . import private, values
from .actors import Actors
from .calls import Calls
from .cluster import describe, request_room
from .entries import Code, Entry, Lent, check, lost, made_at, problem_of, sealed
from .errors import lost as lost_object, to_wire, wire
from .frames import Buffer, Message
from .groups import Groups

# Code up to this size rides along with every call; larger code is stored once.
INLINE_CODE_BYTES = 8 * 1024


class Peer(Protocol):
    """The other end of the wire."""

    def send(self, message: Message) -> None: ...
    def send_blob(self, parts: Sequence[Buffer]) -> int: ...
    def take_blob(self, blob: int, use: Callable[[list[Buffer]], None]) -> None: ...
    def post(self, act: Callable[[], None]) -> None:
        """Call `act` on the thread of the host, from any thread."""


class Host:
    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._objects: dict[str, Entry] = {}
        self._codes: dict[str, Code] = {}
        self._awaited: dict[int, Any] = {}
        self._next_awaited = 1
        self.groups = Groups(self, peer.send)
        self.calls = Calls(self, peer.send)
        self._actors = Actors(self)
        self.calls.on_lost_process = self._actors.lost_its_process
        self._handlers: dict[str, Callable[[Message], None]] = {
            "put": self._on_put,
            "watch": self._on_watch,
            "fetch": self._on_fetch,
            "release": self._on_release,
            "code": self._on_code,
            "question": self._on_question,
            **self.calls.handlers,
            **self._actors.handlers,
            **self.groups.handlers,
        }

    def receive(self, message: Message) -> None:
        handler = self._handlers.get(message["type"])
        if handler is None:
            return
        try:
            handler(message)
        except Exception:
            # Whoever asked should see that there will be no answer.
            self.print(f"A session could not do '{message['type']}':\n{traceback.format_exc()}")

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
        self._objects[id] = Entry(id, ref=Lent((values.MARK, parts[0], list(parts[1:]), list(ids), list(refs))), handed=1)

    def take_back(self, ids: Sequence[str]) -> None:
        """What was lent is not needed any more."""
        for id in ids:
            self._objects.pop(id, None)

    def known(self, id: str) -> Optional[Entry]:
        return self._objects.get(id)

    def post(self, act: Callable[[], None]) -> None:
        self._peer.post(act)

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
        entry = self.made(message["id"])
        inside = self.entries(values.inside(message["value"]))

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

    def made(self, id: str) -> Entry:
        """A new object or actor of the peer's."""
        entry = self._objects[id] = Entry(id, handed=1)
        return entry

    def _on_watch(self, message: Message) -> None:
        for entry in self.entries(message["ids"]):
            self.when_refs([entry], lambda entry=entry: self._watch(entry))  # type: ignore[misc]

    def _watch(self, entry: Entry) -> None:
        self._follow(entry, lambda future: self.report(entry, future))

    def _on_fetch(self, message: Message) -> None:
        for entry in self.entries([message["id"]]):
            self._follow(entry, lambda future: self.report(entry, future, isFetch=True))

    def _follow(self, entry: Entry, act: Callable[[Any], None]) -> None:
        if entry.ref is None:
            act(None)
        elif isinstance(entry.ref, Lent):
            act(entry.ref)
        else:
            self.when_settled(entry.ref, act)

    def when_settled(self, ref: Any, act: Callable[[Any], None]) -> None:
        """Ray brings the value along, so that it is here when somebody asks for it."""
        number = self._next_awaited
        self._next_awaited += 1
        self._awaited[number] = ref

        def settled(future: Any) -> None:
            self._awaited.pop(number, None)
            act(future)

        private.when_settled(ref, lambda future: self._peer.post(lambda: settled(future)))

    def awaited(self) -> list[Any]:
        """Refs that are not there yet, and that somebody waits for."""
        return [*self._awaited.values(), *self.groups.awaited()]

    def report(self, entry: Entry, future: Optional[Future[Any]], *, isFetch: bool = False, name: str = "") -> None:
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
            problem = self.problem(error, name or entry.id)
        self._peer.send({"type": "failed", "id": entry.id, "error": problem})

    def problem(self, error: BaseException, name: str, reason: Optional[str] = None) -> Message:
        """As `to_wire`; of an object that is lost, also where it was made."""
        cause = getattr(error, "cause", None) if isinstance(error, RayTaskError) else error
        if isinstance(cause, ObjectLostError):
            for entry in self._objects.values():
                if isinstance(entry.ref, ray.ObjectRef) and entry.ref.hex() == cause.object_ref_hex:
                    id, place = made_at(entry.id)
                    return lost_object(f"Object {id}", cause, place)
        return to_wire(error, name, reason)

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

    # ── code and questions ───────────────────────────────────────────────────────────────────────────────────────────

    def _on_code(self, message: Message) -> None:
        value = message["value"]
        inside = self.entries(values.inside(value))
        parts = values.parts_in(value)
        if parts is not None and not inside and sum(map(len, parts)) <= INLINE_CODE_BYTES:
            self._codes[message["codeId"]] = Code(inline=value)
            return
        entry = Entry("code")
        self._codes[message["codeId"]] = Code(entry=entry, refs=inside)

        def seal(parts: list[Buffer]) -> None:
            try:
                entry.resolve(ray.put(sealed(parts, inside)))
            except Exception as problem:
                entry.resolve(None, problem_of(problem, "code"))

        self.whole(value, lambda parts: self.when_refs(inside, lambda: seal(parts)))

    def code(self, code_id: str) -> Code:
        return self._codes[code_id]

    def _on_question(self, message: Message) -> None:
        number = message["number"]
        answer: Message = {"type": "no-answer", "number": number}
        answers: dict[str, Callable[..., Any]] = {
            "describe": describe,
            "requestResources": request_room,
            **self._actors.answers,
            **self.groups.answers,
        }
        try:
            method = answers.get(message["method"])
            if method is None:
                text = f"'{message['method']}' is not supported here. A Ray cluster has its own dashboard."
                answer["error"] = wire("UNSUPPORTED", text)
            else:
                told = method(*message["args"])
                if isinstance(told, ray.ObjectRef):
                    self.when_settled(told, lambda _: self._peer.send({"type": "answer", "number": number, "answer": None}))
                    return
                if isinstance(told, Future):
                    told.add_done_callback(lambda future: self.post(lambda: self._answer_later(message, future)))
                    return
                answer = {"type": "answer", "number": number, "answer": told}
        except Exception as problem:
            answer["error"] = problem_of(problem, message["method"])
        self._peer.send(answer)

    def _answer_later(self, message: Message, future: Future[Any]) -> None:
        problem = future.exception()
        about: Message = {"type": "answer", "number": message["number"]}
        if isinstance(problem, Exception):
            self._peer.send({**about, "type": "no-answer", "error": problem_of(problem, message["method"])})
        else:
            self._peer.send({**about, "answer": future.result()})

    def print(self, text: str) -> None:
        output = {"type": "output", "stream": "stderr", "text": text, "source": "ray", "pid": 0}
        self._peer.send({"type": "output", "output": output})
