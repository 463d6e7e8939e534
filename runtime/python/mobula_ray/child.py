"""
The Node process beside a Ray worker: started with its first task, kept for the next ones. It runs user code, and asks here
for what the code wants of the cluster, in the messages that drivers send to their sessions.

Ray cancels a task by an interrupt that wakes no system call, so nothing here waits for longer than 50 ms.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import os
import secrets
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, Optional, TextIO

import ray
from ray.exceptions import TaskCancelledError

from . import marks, values
from .call_line import HELD_UP_S, STARTING_S, CallLine, told_early
from .errors import ChildDied
from .frames import CHUNK, HEAD, MESSAGES, BlobReceiver, Buffer, Message, pack, read_frame, unpack
from .host import Host
from .items import Items
from .node import find_node, program
from .private import is_cancelled
from .stacks import own_socket

LENGTH = struct.Struct("<I")
TICK_S = 0.05
# How long stopped code may take to end before its process is ended.
STOP_GRACE_S = 1.0


class Child:
    def __init__(
        self, environment: Optional[Message] = None, archives: Sequence[Any] = (), *, is_actor: bool = False
    ) -> None:
        self._is_actor = is_actor
        self._host = Host(self)
        if environment is not None:
            # What it starts itself may be in the same environment.
            self._host.adopt([folder["id"] for folder in environment["folders"]], archives)
        self._socket, theirs = socket.socketpair()
        self._posted: deque[Callable[[], None]] = deque()
        self._wake_out, self._wake_in = os.pipe()
        os.set_blocking(self._wake_in, False)
        self._blobs: dict[int, list[Buffer]] = {}
        self._wanted_blobs: dict[int, Callable[[list[Buffer]], None]] = {}
        self._receiver = BlobReceiver(self._on_blob)
        self._next_blob = 1
        self._codes: set[str] = set()
        # What the child said of calls that have ended, until somebody takes it.
        self._outcomes: dict[str, Message] = {}
        # Of streams that are open.
        self._items: dict[str, Items] = {}
        # Of an actor whose calls overlap: the event loop that reads, and who waits; each concurrency group has a loop of its own.
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._waiting: dict[str, Future[Message]] = {}
        self._sending = threading.Lock()
        self._is_blocked = False
        self.gpus = os.environ.get("CUDA_VISIBLE_DEVICES")
        with theirs:
            theirs.set_inheritable(True)
            about: Message = {"fd": theirs.fileno(), "clientId": f"w{secrets.token_hex(5)}"}
            if environment is not None:
                about["environment"] = environment
            stack_socket = own_socket()
            if stack_socket is not None:
                about["stackSocket"] = stack_socket
            path = program()
            self._process = subprocess.Popen(
                [find_node(), "--no-deprecation", path],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                # The folder of this process may be gone, see `program`; and Node does not start in one that is.
                cwd=(environment or {}).get("workingDir") or os.path.dirname(path),
                env={**os.environ, "MOBULA_RAY_WORKER": json.dumps(about)},
            )

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._socket.close()

    # ── a task ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def run(self, about: Message, arguments: Any, code: Any, resolved: Sequence[Any]) -> Message:
        """What the child says in the end: `ran` or `threw`. :raises ChildDied:"""
        task_id: str = about["taskId"]
        self._begin()
        orders, lent = self._orders(about, arguments, code, resolved)
        deadline = deadline_of(about)

        def is_over() -> bool:
            return task_id in self._outcomes

        try:
            self._send_frame(MESSAGES, pack(orders))
            if not self._wait(is_over, deadline):
                self._stop(task_id, "timeout", is_over)
        except (KeyboardInterrupt, TaskCancelledError):
            self._stop(task_id, "cancelled", is_over)
            raise
        except OSError as problem:
            raise ChildDied(self._how_it_ended()) from problem
        finally:
            self._host.take_back(lent)
        return self._outcomes.pop(task_id, {"type": "late", "taskId": task_id})

    def run_each(
        self, calls: Sequence[tuple[Message, Any]], code: Any
    ) -> tuple[list[Optional[Message]], Optional[str]]:
        """
        Short calls, one after the other.

        :returns: what the child says of each, None for one that has not ended; and how the child died, if it did
        """
        self._begin()
        patience = HELD_UP_S if self._codes else STARTING_S
        line = CallLine([about["taskId"] for about, _ in calls], self._outcomes, patience)
        orders: list[Message] = []
        lent: list[str] = []
        for about, arguments in calls:
            (*loads, run), lent_to_it = self._orders(about, arguments, code, ())
            orders[:0] = loads
            orders.append(run)
            lent.extend(lent_to_it)
        loads = [order for order in orders if order["type"] == "load"]
        death: Optional[str] = None
        try:
            self._send_frame(MESSAGES, pack([*loads, {"type": "run-each", "orders": orders[len(loads) :]}]))
            while not line.is_over():
                self._turn()
                if line.is_held_up():
                    self._mark({"type": "held-up", "by": line.first(), "dropped": [], "ended": told_early(line.ended())})
                    self._drop(line.behind())
                dropped = line.newly_dropped()
                if dropped:
                    self._mark({"type": "held-up", "by": line.first() or dropped[0], "dropped": dropped})
        except (KeyboardInterrupt, TaskCancelledError):
            self._stop_line(line)
        except (OSError, ChildDied):
            death = self._how_it_ended()
        finally:
            self._host.take_back(lent)
        return [self._outcomes.pop(task_id, None) for task_id in line.ids], death

    def _stop_line(self, line: CallLine) -> None:
        try:
            self._drop(line.behind())
        except OSError:
            pass  # it has ended
        running = line.first()
        if running is not None:
            self._stop(running, "cancelled", lambda: running in self._outcomes)

    def _drop(self, ids: Sequence[str]) -> None:
        stops = [{"type": "stop", "taskId": task_id, "reason": "cancelled"} for task_id in ids]
        self._send_frame(MESSAGES, pack(stops))

    def stream(self, about: Message, arguments: Any, code: Any, resolved: Sequence[Any]) -> Iterator[Message]:
        """`yielded` for each item, then as `run`. It goes on when Ray has room for the next item. :raises ChildDied:"""
        task_id: str = about["taskId"]
        self._begin()
        orders, lent = self._orders(about, arguments, code, resolved)
        deadline = deadline_of(about)
        items = self._items[task_id] = Items()
        said: Message = {}
        try:
            self._send_frame(MESSAGES, pack(orders))
            for count in itertools.count(1):
                if self._wait(items.has_next, deadline):
                    said = items.take() or said
                else:
                    self._stop(task_id, "timeout", lambda: items.is_over)
                    said = {"type": "late", "taskId": task_id}
                yield said
                if said["type"] != "yielded":
                    return
                self._tell_taken(task_id, count)
        except OSError as problem:
            raise ChildDied(self._how_it_ended()) from problem
        finally:
            self._host.take_back(lent)
            if said.get("type", "yielded") == "yielded":
                # An interrupt, here or where Ray held the next item back.
                self._stop(task_id, "cancelled", lambda: items.is_over)
            self._items.pop(task_id, None)

    def _begin(self) -> None:
        self._is_blocked = False
        for task_id, items in list(self._items.items()):
            # Its generator is dropped, and waits to be collected.
            self._stop(task_id, "cancelled", lambda items=items: items.is_over)  # type: ignore[misc]
            self._items.pop(task_id, None)

    def _wait(self, is_there: Callable[[], bool], deadline: Optional[float]) -> bool:
        """False when it takes too long."""
        while True:
            if self._is_actor and is_cancelled():
                raise TaskCancelledError
            if is_there():
                return True
            if deadline is not None and time.monotonic() > deadline:
                self._host.calls.cancel_all("its task's time is over")
                return False
            self._turn()

    def _tell_taken(self, task_id: str, count: int) -> None:
        self._send_frame(MESSAGES, pack([{"type": "taken", "taskId": task_id, "count": count}]))

    async def run_beside(self, about: Message, arguments: Any, resolved: Sequence[Any]) -> Message:
        """As `run`, while other calls of the actor run as well."""
        task_id: str = about["taskId"]
        self._read_in_loop()
        told: Future[Message] = Future()
        self._waiting[task_id] = told
        said = asyncio.wrap_future(told)
        orders, lent = self._orders(about, arguments, None, resolved)
        try:
            self._send_frame(MESSAGES, pack(orders))
            timeout = about["timeoutMs"] / 1000 if "timeoutMs" in about else None
            done, _ = await asyncio.wait([said], timeout=timeout)
            if not done:
                self._tell_to_stop(task_id, "timeout")
            return await said
        except asyncio.CancelledError:
            self._tell_to_stop(task_id, "cancelled")
            raise
        finally:
            self._waiting.pop(task_id, None)
            self._host.take_back(lent)

    async def stream_beside(self, about: Message, arguments: Any, resolved: Sequence[Any]) -> AsyncIterator[Message]:
        """As `stream`, while other calls of the actor run as well."""
        task_id: str = about["taskId"]
        loop = self._read_in_loop()
        deadline = deadline_of(about)
        is_there = asyncio.Event()
        items = self._items[task_id] = Items(functools.partial(loop.call_soon_threadsafe, is_there.set))
        orders, lent = self._orders(about, arguments, None, resolved)
        said: Message = {}
        try:
            self._send_frame(MESSAGES, pack(orders))
            for count in itertools.count(1):
                while not items.has_next():
                    is_there.clear()
                    left = None if deadline is None else max(0, deadline - time.monotonic())
                    if not await arrives(is_there, items, left):
                        self._tell_to_stop(task_id, "timeout")
                        deadline = None
                said = items.take() or said
                yield said
                if said["type"] != "yielded":
                    return
                self._tell_taken(task_id, count)
        finally:
            if said.get("type", "yielded") == "yielded":
                self._tell_to_stop(task_id, "cancelled")
            self._items.pop(task_id, None)
            self._host.take_back(lent)

    def _read_in_loop(self) -> asyncio.AbstractEventLoop:
        """:returns: the loop of the call that runs here"""
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
            loop.add_reader(self._socket, self._read_beside)
        return loop

    def _read_beside(self) -> None:
        try:
            self._read()
        except (OSError, ChildDied):
            print(f"The Node process of an actor ended: {self._how_it_ended()}", file=sys.stderr, flush=True)
            os._exit(1)

    def _orders(
        self, about: Message, arguments: Any, code: Any, resolved: Sequence[Any]
    ) -> tuple[list[Message], list[str]]:
        """What the child is told, and the ids of what it is lent for it."""
        task_id: str = about["taskId"]
        lent: list[str] = []
        orders: list[Message] = []
        if about["codeId"] and about["codeId"] not in self._codes:
            self._codes.add(about["codeId"])
            value = about.get("code") or self._lend(f"{task_id}#c", code, lent)
            orders.append({"type": "load", "codeId": about["codeId"], "value": value})
        about = {key: value for key, value in about.items() if key != "code"}
        args = self._lend(f"{task_id}#a", arguments, lent)
        rest = [self._lend(f"{task_id}#{index}", stored, lent) for index, stored in enumerate(resolved)]
        orders.append({**about, "type": "run", "args": args, "resolved": rest})
        return orders, lent

    def _lend(self, id: str, stored: Any, lent: list[str]) -> Message:
        """As the child's messages name a value: small ones ride along, others it asks for by their id."""
        parts, ids, refs = values.opened(stored)
        if not ids and values.size_of(parts) <= values.MESSAGE_BYTES:
            return values.in_message(parts, ids)
        self._host.lend(id, parts, ids, refs)
        lent.append(id)
        return {"id": id}

    def _tell_to_stop(self, task_id: str, reason: str) -> None:
        self._send_frame(MESSAGES, pack([{"type": "stop", "taskId": task_id, "reason": reason}]))

    def _stop(self, task_id: str, reason: str, is_over: Callable[[], bool]) -> None:
        """Its signal aborts; what does not end by itself is ended."""
        try:
            self._tell_to_stop(task_id, reason)
            deadline = time.monotonic() + STOP_GRACE_S
            # The state of an actor is worth more than the call.
            while not is_over() and (self._is_actor or time.monotonic() < deadline):
                self._turn()
        except (OSError, ChildDied):
            pass  # it has ended
        finally:
            if not is_over():
                self.kill()

    def _turn(self) -> None:
        while self._posted:
            self._posted.popleft()()
        awaited = self._host.awaited() if self._is_blocked else []
        sources = [self._socket.fileno(), self._wake_out]
        ready, _, _ = select.select(sources, [], [], 0 if awaited else TICK_S)
        if self._wake_out in ready:
            os.read(self._wake_out, 4096)
        if sources[0] in ready:
            self._read()
        elif awaited and not ready:
            # While it waits here, Ray lends this task's CPU to others.
            ray.wait(awaited, num_returns=1, timeout=TICK_S, fetch_local=False)

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _read(self) -> None:
        (length,) = LENGTH.unpack(self._read_exactly(LENGTH.size))
        kind, _, _, header, raw = read_frame(self._read_exactly(length))
        if kind == CHUNK:
            self._receiver.receive(header, raw)
            return
        for message in unpack(header):
            self._take(message)

    def _read_exactly(self, count: int) -> bytearray:
        data = bytearray(count)
        view = memoryview(data)
        while view:
            got = self._socket.recv_into(view)
            if got == 0:
                raise ChildDied(self._how_it_ended())
            view = view[got:]
        return data

    def _take(self, message: Message) -> None:
        kind = message["type"]
        if kind == "dropped":
            self._settle(message)
        elif kind in ("ran", "threw", "yielded"):
            items = self._items.get(message["taskId"])
            if items is not None:
                items.add(message)
            self._when_whole(message)
        elif kind == "blocked":
            self._is_blocked = message["isBlocked"]
        elif kind == "output":
            self._print(message["output"])
        else:
            self._host.receive(message)

    def _when_whole(self, message: Message) -> None:
        """All that the results need is here, and is in Ray's hands."""
        results = message.get("values") or []
        message["stored"] = [None] * len(results)
        missing = len(results)
        if missing == 0:
            self._settle(message)
            return

        def store(index: int, parts: list[Buffer], ids: list[str]) -> None:
            inside = self._host.entries(ids)

            def seal() -> None:
                nonlocal missing
                message["stored"][index] = (parts, inside)
                missing -= 1
                if missing == 0:
                    self._settle(message)

            self._host.when_refs(inside, seal)

        for index, value in enumerate(results):
            ids = values.inside(value)
            self._host.whole(value, lambda parts, index=index, ids=ids: store(index, parts, ids))  # type: ignore[misc]

    def _settle(self, message: Message) -> None:
        items = self._items.get(message["taskId"])
        waiting = self._waiting.get(message["taskId"])
        if items is not None:
            items.whole(message)
        elif message["type"] == "yielded":
            pass  # its stream is over
        elif waiting is None:
            self._outcomes[message["taskId"]] = message
        elif not waiting.done():
            waiting.set_result(message)

    def _print(self, output: Message) -> None:
        self._mark(output, sys.stderr if output["stream"] == "stderr" else sys.stdout)

    def _mark(self, message: Message, stream: Optional[TextIO] = None) -> None:
        """For the session, which reads the logs of its workers."""
        marks.write(stream or sys.stdout, message)

    def _how_it_ended(self) -> str:
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.kill()
            return "it closed its connection"
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    # ── what the host asks of its peer ───────────────────────────────────────────────────────────────────────────────

    def send(self, message: Message) -> None:
        self._send_frame(MESSAGES, pack([message]))

    def send_blob(self, parts: Sequence[Buffer]) -> int:
        blob = self._next_blob
        self._next_blob += 1
        views = [memoryview(part).cast("B") for part in parts]
        self._send_frame(CHUNK, pack({"blob": blob, "lengths": [len(view) for view in views]}), views)
        return blob

    def _send_frame(self, kind: int, header: bytes, raw: Sequence[memoryview] = ()) -> None:
        head = HEAD.pack(kind, 0, 0, len(header)) + header
        with self._sending:
            self._socket.sendall(LENGTH.pack(len(head) + sum(map(len, raw))) + head)
            for part in raw:
                self._socket.sendall(part)

    def take_blob(self, blob: int, use: Callable[[list[Buffer]], None]) -> None:
        parts = self._blobs.pop(blob, None)
        if parts is None:
            self._wanted_blobs[blob] = use
        else:
            use(parts)

    def _on_blob(self, blob: int, parts: list[Buffer]) -> None:
        use = self._wanted_blobs.pop(blob, None)
        if use is None:
            self._blobs[blob] = parts
        else:
            use(parts)

    def post(self, act: Callable[[], None]) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(act)
            return
        self._posted.append(act)
        if len(self._posted) > 1:
            return  # it has been woken
        try:
            os.write(self._wake_in, b"w")
        except BlockingIOError:
            pass  # it is awake


def deadline_of(about: Message) -> Optional[float]:
    return time.monotonic() + about["timeoutMs"] / 1000 if "timeoutMs" in about else None


async def arrives(is_there: asyncio.Event, items: Items, within_s: Optional[float]) -> bool:
    """False when there is nothing in time."""
    if items.has_next():
        return True
    try:
        await asyncio.wait_for(is_there.wait(), within_s)
    except asyncio.TimeoutError:
        return False
    return True
