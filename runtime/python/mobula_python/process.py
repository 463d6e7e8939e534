"""
A Python process beside a worker: runs the calls that come over its socket, until the worker is gone: one after the other,
or, as an actor whose calls overlap, in threads.
The other end is `runtime/src/python/python-process.ts`, which says what the messages are.
"""

from __future__ import annotations

import codecs
import faulthandler
import io
import json
import mmap
import os
import queue
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any, Optional

from . import functions
from .arguments import filled, read_arguments
from .errors import to_wire
from .format import Buffer
from .writer import write

HEAD = struct.Struct("<II")
SOCKET = 3
# Parts from this size on are shared instead of sent.
SHARED_BYTES = 256 * 1024
_SET_DEATH_SIGNAL = 1

Message = dict[str, Any]
# The call that this code works for, where several run.
_call: ContextVar[Optional[int]] = ContextVar("call", default=None)


def main(folder: str, parent: int) -> None:
    _die_with(parent)
    # What dies in native code says where.
    faulthandler.enable()
    if sys.path[0] == "":
        sys.path[0] = os.getcwd()
    functions.look_in(folder)
    functions.look_in(os.getcwd())
    Process(socket.socket(fileno=SOCKET), parent).run()


def _die_with(parent: int) -> None:
    """Also where a call keeps all threads from running. Linux only: elsewhere the thread that reads has to do."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    except (ImportError, AttributeError, OSError):
        pass
    if os.getppid() != parent:
        os._exit(1)


class Process:
    def __init__(self, connection: socket.socket, parent: int) -> None:
        connection.set_inheritable(False)
        self._socket = connection
        self._parent = parent
        self._sending = threading.Lock()
        self._inbox: queue.SimpleQueue[tuple[Message, list[Buffer]]] = queue.SimpleQueue()
        self._running: Optional[int] = None
        self._wanted_end: Optional[int] = None
        # The actor that this process is, and the streams that are open.
        self._instance: Any = None
        self._streams: dict[int, Iterator[Any]] = {}
        # Of an actor whose calls overlap; other calls run in the main thread.
        self._threads: Optional[ThreadPoolExecutor] = None

    def run(self) -> None:
        signal.signal(signal.SIGINT, self._on_interrupt)
        sys.stdout = Output(self, "stdout").as_text()
        sys.stderr = Output(self, "stderr").as_text()
        threading.Thread(target=self._receive, daemon=True, name="mobula").start()
        self.send({"type": "ready"})
        while True:
            message, parts = self._inbox.get()
            if self._threads is None:
                self._serve(message, parts)
            else:
                self._threads.submit(self._serve_beside, message, parts)

    def _serve_beside(self, message: Message, parts: list[Buffer]) -> None:
        _call.set(message["id"])
        self._serve(message, parts)

    def _serve(self, message: Message, parts: list[Buffer]) -> None:
        reply: Message = {"id": message["id"]}
        made: list[Buffer] = []
        try:
            made = self._answer(message, parts)
            reply["type"] = "ended" if message["type"] == "next" and not made else "returned"
        except SystemExit as problem:
            _flush()
            os._exit(_exit_code(problem))
        except BaseException as problem:
            reply.update({"type": "threw", "error": to_wire(problem)})
        finally:
            self._running = None
        _flush()
        parts.clear()
        self.send(reply, made)

    def _answer(self, message: Message, parts: Sequence[Buffer]) -> list[Buffer]:
        if message["id"] == self._wanted_end:
            raise KeyboardInterrupt("the call was cancelled before it began")
        arguments = filled(*read_arguments(parts, message["path"])) if parts else []
        # Only the main thread can be interrupted.
        self._running = message["id"] if self._threads is None else None
        try:
            return self._act(message, arguments)
        finally:
            self._running = None

    def _act(self, message: Message, arguments: Sequence[Any]) -> list[Buffer]:
        kind = message["type"]
        if kind == "next":
            return self._next(message["stream"])
        if kind == "close":
            self._close(message["stream"])
            return []
        if kind == "make":
            self._make(message, arguments)
            return []
        function = self._function(message)
        if message.get("isStream"):
            self._streams[message["id"]] = functions.stream(function, arguments)
            return []
        return write(functions.call(function, arguments))

    def _make(self, message: Message, arguments: Sequence[Any]) -> None:
        threads = message["threads"]
        if threads > 1:
            functions.share_loop()
        self._instance = functions.call(functions.find(message["name"]), arguments)
        if threads > 1:
            self._threads = ThreadPoolExecutor(threads, "mobula-call")

    def _function(self, message: Message) -> Callable[..., Any]:
        if "method" not in message:
            return functions.find(message["name"])
        return functions.method(self._instance, message["method"])

    def _next(self, stream: int) -> list[Buffer]:
        items = self._streams[stream]
        for item in items:
            return write(item, "item")
        del self._streams[stream]
        return []

    def _close(self, stream: int) -> None:
        close = getattr(self._streams.pop(stream, None), "close", None)
        if close is not None:
            close()

    def _on_interrupt(self, _number: int, _frame: object) -> None:
        """Of a terminal, which means others; or for the call that runs."""
        if self._running is not None and self._running == self._wanted_end:
            self._wanted_end = None
            raise KeyboardInterrupt("the call was cancelled")

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _receive(self) -> None:
        main = threading.main_thread().ident
        while True:
            length, size = HEAD.unpack(self._exactly(HEAD.size))
            message = json.loads(self._exactly(length))
            parts = self._parts(message.get("parts", []), memoryview(self._exactly(size)))
            if message["type"] == "interrupt":
                self._wanted_end = message["id"]
                if main is not None:
                    signal.pthread_kill(main, signal.SIGINT)
            elif message["type"] == "mapped":
                for fd in message["fds"]:
                    os.close(fd)
            else:
                self._inbox.put((message, parts))

    def _exactly(self, count: int) -> bytearray:
        data = bytearray(count)
        view = memoryview(data)
        while view:
            try:
                got = self._socket.recv_into(view)
            except OSError:
                got = 0
            if got == 0:
                # The worker is gone, and with it whoever wants anything of this process.
                os._exit(1)
            view = view[got:]
        return data

    def _parts(self, about: Sequence[Message], body: memoryview) -> list[Buffer]:
        parts: list[Buffer] = []
        at = 0
        for part in about:
            size = part["size"]
            if "fd" in part:
                parts.append(mapped(f"/proc/{self._parent}/fd/{part['fd']}", size))
            else:
                parts.append(body[at : at + size])
                at += size
        return parts

    def send(self, message: Message, parts: Sequence[Buffer] = ()) -> None:
        about = []
        inline: list[Buffer] = []
        for part in parts:
            if len(part) >= SHARED_BYTES and hasattr(os, "memfd_create"):
                about.append({"size": len(part), "fd": shared(part)})
            else:
                about.append({"size": len(part)})
                inline.append(part)
        header = json.dumps({**message, "parts": about} if about else message).encode()
        with self._sending:
            self._socket.sendall(HEAD.pack(len(header), sum(map(len, inline))) + header)
            for part in inline:
                self._socket.sendall(part)


def mapped(path: str, size: int) -> memoryview:
    """Memory of another process's, as a copy of one's own where it is written to."""
    fd = os.open(path, os.O_RDONLY)
    try:
        return memoryview(mmap.mmap(fd, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE))
    finally:
        os.close(fd)


def shared(part: Buffer) -> int:
    """A file in memory with these bytes, until it is closed."""
    fd: int = os.memfd_create("mobula")  # type: ignore[attr-defined, unused-ignore]
    view = memoryview(part)
    while view:
        view = view[os.write(fd, view) :]
    return fd


class Output(io.RawIOBase):
    """A stream of the process that goes to the cell whose call runs."""

    def __init__(self, process: Process, stream: str) -> None:
        self._process = process
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pid = os.getpid()

    def as_text(self) -> io.TextIOWrapper:
        return io.TextIOWrapper(io.BufferedWriter(self), encoding="utf-8", errors="backslashreplace", line_buffering=True)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1 if self._stream == "stdout" else 2

    def write(self, data: Any) -> int:
        if os.getpid() != self._pid:
            # A process that user code has forked: the connection is not its own.
            return os.write(self.fileno(), data)
        text = self._decoder.decode(data)
        if text:
            call = _call.get()
            whose = {} if call is None else {"id": call}
            self._process.send({"type": "output", "stream": self._stream, "text": text, **whose})
        return len(data)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass  # user code has closed it


def _exit_code(problem: SystemExit) -> int:
    if problem.code is None or isinstance(problem.code, int):
        return problem.code or 0
    print(problem.code, file=sys.stderr)
    _flush()
    return 1
