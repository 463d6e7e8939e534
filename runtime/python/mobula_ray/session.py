"""
A session: the Ray driver of one driver elsewhere. The hub starts it and hands it the sockets of that driver, one after the
other; it ends when the driver says so, when no connection came within the lease, or with the hub.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Optional

import ray

from . import marks
from .frames import CHUNK, GREETING, HEAD, MAX_FRAME_BYTES, MESSAGES, BlobReceiver, Buffer, Channel, Message
from .frames import pack, read_frame, unpack
from .host import Host
from .private import job_of, on_worker_output
from .websocket import WebSocket

PROTOCOL = 1
GREET_WITHIN_S = 10.0
# A driver shows every few seconds that it lives.
SILENT_S = 30.0
MAX_LEASE_S = 24 * 3600.0
ACK_EVERY_S = 0.05
CLOSE_WITHIN_S = 2.0


class Session:
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._host = Host(self)
        self._blobs: dict[int, list[Buffer]] = {}
        self._wanted_blobs: dict[int, Callable[[list[Buffer]], None]] = {}
        receiver = BlobReceiver(self._on_blob)
        self._channel = Channel(lambda kind, header, raw: self._deliver(receiver, kind, header, raw))
        self._outgoing: list[Message] = []
        self._posted: deque[Callable[[], None]] = deque()
        self._next_blob = 1
        self._socket: Optional[WebSocket] = None
        # Connections whose driver has said hello, and waits.
        self._greeting: dict[WebSocket, asyncio.Future[None]] = {}
        self._lease_s = GREET_WITHIN_S
        self._lease: Optional[asyncio.TimerHandle] = None
        self._starting: Optional[asyncio.Future[None]] = None
        self.ended = asyncio.Event()
        self._expect()

    # ── connections ──────────────────────────────────────────────────────────────────────────────────────────────────

    def connect(self) -> WebSocket:
        """A new connection of the driver; when it has greeted it takes the place of the one before."""
        opened = WebSocket(self._on_frame, self._on_closed, MAX_FRAME_BYTES)

        def hurry() -> None:
            if opened is not self._socket and opened not in self._greeting:
                opened.close()

        self._loop.call_later(GREET_WITHIN_S, hurry)
        return opened

    def _on_frame(self, ws: WebSocket, frame: memoryview) -> None:
        if ws is self._socket:
            self._channel.receive(frame)
            self._flush()
            return
        kind, _, _, header, _ = read_frame(frame)
        hello = unpack(header)
        if kind != GREETING or hello.get("type") != "hello" or ws in self._greeting:
            ws.close()
            return
        greeted = self._greeting[ws] = asyncio.ensure_future(self._greet(ws, hello))
        greeted.add_done_callback(lambda _: self._greeting.pop(ws, None))

    def _on_closed(self, ws: WebSocket) -> None:
        if ws is self._socket:
            self._socket = None
            self._channel.detach()
            self._expect()

    async def _greet(self, ws: WebSocket, hello: Message) -> None:
        if self._lease is not None:
            self._lease.cancel()
        try:
            problem = await self._join(hello)
            if problem is None and ws.is_open:
                self._welcome(ws, hello)
            elif problem is not None:
                ws.send(greeting({"type": "refused", "reason": problem}))
        finally:
            if ws is not self._socket:
                ws.close()
            if self._socket is None:
                self._expect()

    def _welcome(self, ws: WebSocket, hello: Message) -> None:
        self._lease_s = min(hello["leaseMs"] / 1000, MAX_LEASE_S)
        old, self._socket = self._socket, ws
        if old is not None:
            old.abort()
        welcome = {"type": "welcome", "protocol": PROTOCOL, "version": ray.__version__, "received": self._channel.received}
        ws.send(greeting(welcome))
        self._channel.attach(ws.send, int(hello["received"]))
        asyncio.ensure_future(self._acknowledge(ws))

    async def _join(self, hello: Message) -> Optional[str]:
        """Why not; None when the cluster is joined. The first greeting does it."""
        if hello["protocol"] != PROTOCOL:
            return f"the hub speaks protocol {PROTOCOL}, this driver {hello['protocol']}"
        if self._starting is None:
            self._starting = asyncio.ensure_future(asyncio.to_thread(self._connect, hello))
        try:
            await self._starting
        except Exception as problem:
            return f"the head cannot join its own cluster ({problem})"
        return None

    def _connect(self, hello: Message) -> None:
        ray.init(namespace="mobula", logging_level=logging.ERROR, configure_logging=False, job_config=job_of(hello))
        if on_worker_output(lambda lines: self.post(lambda: self._print(lines))):
            self._host.calls.put_together(self._loop.call_later)
        else:
            print("This version of Ray gives no output of workers to drivers.", file=sys.stderr)

    async def _acknowledge(self, ws: WebSocket) -> None:
        while ws is self._socket:
            await asyncio.sleep(ACK_EVERY_S)
            self._channel.acknowledge()
            if self._loop.time() - ws.heard_at > SILENT_S:
                ws.abort()

    def _expect(self) -> None:
        if self._lease is not None:
            self._lease.cancel()
        self._lease = self._loop.call_later(self._lease_s, self.ended.set)

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _deliver(self, receiver: BlobReceiver, kind: int, header: memoryview, raw: memoryview) -> None:
        if kind == CHUNK:
            receiver.receive(header, raw)
        elif kind == MESSAGES:
            for message in unpack(header):
                if message["type"] == "bye":
                    self.ended.set()
                else:
                    self._host.receive(message)

    def _on_blob(self, blob: int, parts: list[Buffer]) -> None:
        use = self._wanted_blobs.pop(blob, None)
        if use is None:
            self._blobs[blob] = parts
        else:
            use(parts)

    def take_blob(self, blob: int, use: Callable[[list[Buffer]], None]) -> None:
        parts = self._blobs.pop(blob, None)
        if parts is None:
            self._wanted_blobs[blob] = use
        else:
            use(parts)

    def send(self, message: Message) -> None:
        """At the end of this turn, with what else is sent in it."""
        if not self._outgoing:
            self._loop.call_soon(self._flush)
        self._outgoing.append(message)

    def _flush(self) -> None:
        if self._outgoing:
            messages, self._outgoing = self._outgoing, []
            self._channel.send(MESSAGES, pack(messages))

    def send_blob(self, parts: Sequence[Buffer]) -> int:
        blob = self._next_blob
        self._next_blob += 1
        self._channel.send_blob(blob, parts)
        return blob

    def post(self, act: Callable[[], None]) -> None:
        self._posted.append(act)
        if len(self._posted) > 1:
            return  # the loop is about to look
        try:
            self._loop.call_soon_threadsafe(self._run_posted)
        except RuntimeError:
            pass  # the session has ended

    def _run_posted(self) -> None:
        # As many as there are now: what comes meanwhile waits its turn.
        for _ in range(len(self._posted)):
            try:
                self._posted[0]()
            except Exception:
                traceback.print_exc()
            self._posted.popleft()
        if self._posted:
            self._loop.call_soon(self._run_posted)

    def _print(self, batch: dict[str, Any]) -> None:
        """Lines of a worker: with their origin when a Node process printed them, else as they are."""
        pid = str(batch.get("pid"))
        if not pid.isdigit():
            return  # of the autoscaler and its like, for those who run the cluster
        messages, plain = marks.read(batch.get("lines") or [])
        for message in messages:
            self._take_marked(message)
        if plain:
            about = {"stream": "stderr" if batch.get("is_err") else "stdout", "text": "\n".join(plain) + "\n"}
            source = batch.get("task_name") or "ray"
            self.send({"type": "output", "output": {"type": "output", **about, "source": source, "pid": int(pid)}})

    def _take_marked(self, message: Message) -> None:
        if message["type"] == "held-up":
            self._host.calls.held_up(message["by"], message["dropped"], message.get("ended") or {})
        else:
            self.send({"type": "output", "output": message})

    async def close(self) -> None:
        self._flush()
        if self._socket is not None:
            await self._socket.closed(within_s=CLOSE_WITHIN_S)


def greeting(message: Message) -> bytes:
    header = pack(message)
    return HEAD.pack(GREETING, 0, 0, len(header)) + header


async def main(pipe: socket.socket) -> None:
    session = Session()
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[Any]] = set()

    def from_hub() -> None:
        data, descriptors, _, _ = socket.recv_fds(pipe, 1, 4)
        for descriptor in descriptors:
            connection = socket.socket(fileno=descriptor)
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            tasks.add(asyncio.ensure_future(loop.connect_accepted_socket(session.connect, connection)))
        if not data:
            session.ended.set()

    pipe.setblocking(False)
    loop.add_reader(pipe, from_hub)
    await session.ended.wait()
    await session.close()
    # Ray ends the tasks and drops the objects of a driver that leaves.
    await asyncio.to_thread(ray.shutdown)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main(socket.socket(fileno=int(sys.argv[1]))))
