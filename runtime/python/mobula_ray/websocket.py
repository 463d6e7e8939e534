"""
The server's end of a WebSocket (RFC 6455), as far as a session needs it: binary messages, read into memory that is used
again and again. A message of a megabyte costs one copy out of the kernel, and none here.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import struct
from collections.abc import Callable
from typing import Optional, cast

from .frames import Buffer

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
MAX_HEAD_BYTES = 16 * 1024
FIRST_BYTES = 2 * 1024**2
# Parts from this size go to the kernel as they are; smaller ones are joined.
LARGE_BYTES = 32 * 1024
# RFC 6455, section 1.3.
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
NORMAL, PROTOCOL_ERROR, NOT_BINARY, TOO_LARGE = 1000, 1002, 1003, 1009


class WebSocket(asyncio.BufferedProtocol):
    def __init__(
        self,
        on_message: Callable[[WebSocket, memoryview], None],
        on_closed: Callable[[WebSocket], None],
        max_bytes: int,
    ) -> None:
        """:param on_message: gets a view that holds as long as the call"""
        self._on_message = on_message
        self._on_closed = on_closed
        self._max_bytes = max_bytes
        self._loop = asyncio.get_running_loop()
        self._transport: Optional[asyncio.Transport] = None
        self._memory = bytearray(FIRST_BYTES)
        self._view = memoryview(self._memory)
        # What has arrived and was not read yet lies between these.
        self._start = 0
        self._end = 0
        self.is_open = False
        # A message in several frames.
        self._parts = bytearray()
        self._closed = asyncio.Event()
        # When something came last, by the loop's clock.
        self.heard_at = self._loop.time()

    # ── bytes of the connection ──────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._start == self._end:
            self._start = self._end = 0
        elif len(self._memory) - self._end < LARGE_BYTES:
            self._make_room(self._end - self._start)
        return self._view[self._end :]

    def buffer_updated(self, nbytes: int) -> None:
        self._end += nbytes
        self.heard_at = self._loop.time()
        try:
            if not self.is_open:
                self._read_head()
            while self.is_open and self._read_frame():
                pass
        except ValueError:
            self.close(PROTOCOL_ERROR)

    def _make_room(self, wanted: int) -> None:
        """For so many bytes from the first unread one on."""
        rest = bytes(self._view[self._start : self._end])
        if wanted > len(self._memory) - LARGE_BYTES:
            self._memory = bytearray(wanted + LARGE_BYTES)
            self._view = memoryview(self._memory)
        self._view[: len(rest)] = rest
        self._start, self._end = 0, len(rest)

    def connection_lost(self, _: Optional[Exception]) -> None:
        self.is_open = False
        self._transport = None
        self._closed.set()
        self._on_closed(self)

    # ── the greeting ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _read_head(self) -> None:
        seen = bytes(self._view[self._start : min(self._end, self._start + MAX_HEAD_BYTES)])
        head, end, _ = seen.partition(b"\r\n\r\n")
        if not end:
            if len(seen) == MAX_HEAD_BYTES:
                raise ValueError("this is no request")
            return
        lines = (line.partition(b":") for line in head.split(b"\r\n")[1:])
        headers = {name.strip().lower(): value.strip() for name, _, value in lines}
        key = headers.get(b"sec-websocket-key")
        if key is None or headers.get(b"upgrade", b"").lower() != b"websocket":
            self._write(b"HTTP/1.1 426 Upgrade Required\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            self._end_connection()
            return
        accept = base64.b64encode(hashlib.sha1(key + MAGIC).digest())
        switching = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        self._write(switching + b"sec-websocket-accept: " + accept + b"\r\n\r\n")
        self._start += len(head) + len(end)
        self.is_open = True

    # ── frames ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _read_frame(self) -> bool:
        """Whether there was a whole one."""
        at = self._start
        have = self._end - at
        if have < 2:
            return False
        first, second = self._memory[at], self._memory[at + 1]
        length = second & 0x7F
        head = 2 if length < 126 else 4 if length == 126 else 10
        mask_bytes = 4 if second & 0x80 else 0
        if have < head + mask_bytes:
            return False
        if head > 2:
            (length,) = struct.unpack_from(">H" if head == 4 else ">Q", self._memory, at + 2)
        if length + len(self._parts) > self._max_bytes:
            self.close(TOO_LARGE)
            return False
        begin = at + head + mask_bytes
        whole = begin - at + length
        if have < whole:
            if at + whole > len(self._memory):
                self._make_room(whole)
            return False
        mask = self._memory[begin - mask_bytes : begin]
        self._start += whole
        self._take(first & 0x0F, bool(first & 0x80), unmasked(self._view[begin : begin + length], mask))
        return True

    def _take(self, opcode: int, is_last: bool, payload: memoryview) -> None:
        if opcode == PING:
            self._send_frame(PONG, payload)
        elif opcode == CLOSE:
            self.close(NORMAL)
        elif opcode == TEXT:
            self.close(NOT_BINARY)
        elif opcode == BINARY and is_last:
            self._on_message(self, payload)
        elif opcode in (BINARY, CONTINUATION):
            self._parts += payload
            if is_last:
                parts, self._parts = self._parts, bytearray()
                self._on_message(self, memoryview(parts))

    # ── to the driver ────────────────────────────────────────────────────────────────────────────────────────────────

    def send(self, *parts: Buffer) -> None:
        """One message. The parts must not change any more."""
        self._send_frame(BINARY, *parts)

    def _send_frame(self, opcode: int, *parts: Buffer) -> None:
        length = sum(map(len, parts))
        if length < 126:
            head = struct.pack(">BB", 0x80 | opcode, length)
        elif length < 65536:
            head = struct.pack(">BBH", 0x80 | opcode, 126, length)
        else:
            head = struct.pack(">BBQ", 0x80 | opcode, 127, length)
        small: list[Buffer] = [head]
        for part in parts:
            if len(part) < LARGE_BYTES:
                small.append(part)
                continue
            self._write(b"".join(small))
            self._write(part)
            small = []
        if small:
            self._write(b"".join(small))

    def _write(self, data: Buffer) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def close(self, code: int = NORMAL) -> None:
        if self.is_open:
            self._send_frame(CLOSE, struct.pack(">H", code))
        self._end_connection()

    def abort(self) -> None:
        """Whether or not anybody is at the other end."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    async def closed(self, within_s: float) -> None:
        """Close, and wait until all is sent, but not for longer."""
        self.close()
        try:
            await asyncio.wait_for(self._closed.wait(), within_s)
        except asyncio.TimeoutError:
            pass  # the driver does not read

    def _end_connection(self) -> None:
        """When all is sent."""
        self.is_open = False
        if self._transport is not None:
            self._transport.close()


def unmasked(payload: memoryview, mask: bytearray) -> memoryview:
    """Drivers of ours mask with zeros: masks are for browsers."""
    if not any(mask):
        return payload
    count = len(payload)
    pattern = bytes(mask) * (count // 4 + 1)
    mixed = int.from_bytes(payload, "little") ^ int.from_bytes(pattern[:count], "little")
    return memoryview(mixed.to_bytes(count, "little"))
