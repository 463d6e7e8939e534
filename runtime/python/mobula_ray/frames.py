"""
Frames of the wire between a driver and its session, and how lost ones are sent again. The other end is
`runtime/src/protocol/remote-frames.ts` and `runtime/src/engine/remote/` (reliable-channel.ts, blobs.ts).
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Union

import msgpack

GREETING, ACK, MESSAGES, CHUNK, VIEW = range(5)

# kind, number, number of the last frame that arrived, length of the header
HEAD = struct.Struct("<B7xQQI")
CHUNK_BYTES = 1024**2
MAX_FRAME_BYTES = 256 * 1024**2
BLOB_WINDOW_BYTES = 8 * 1024**2
ACK_EVERY_FRAMES = 64
ACK_EVERY_BYTES = 1024**2

Buffer = Union[bytes, bytearray, memoryview]
Message = dict[str, Any]


def pack(header: object) -> bytes:
    packed: bytes = msgpack.packb(header, use_bin_type=True)
    return packed


def unpack(header: Buffer) -> Any:
    return msgpack.unpackb(header, raw=False, strict_map_key=False)


def read_frame(data: Buffer) -> tuple[int, int, int, memoryview, memoryview]:
    """Kind, number, acknowledged number, header, raw bytes."""
    kind, number, ack, length = HEAD.unpack_from(data)
    view = memoryview(data)
    end = HEAD.size + length
    if kind > VIEW or end > len(view):
        raise ValueError("this is no frame")
    return kind, number, ack, view[HEAD.size : end], view[end:]


class BlobReceiver:
    """Puts large values together."""

    def __init__(self, on_blob: Callable[[int, list[Buffer]], None]) -> None:
        self._on_blob = on_blob
        self._incoming: dict[int, tuple[list[bytearray], list[int]]] = {}

    def receive(self, header: Buffer, raw: Buffer) -> None:
        about = unpack(header)
        blob = about["blob"]
        if "lengths" in about:
            self._incoming[blob] = ([bytearray(length) for length in about["lengths"]], [0, 0])
        parts, at = self._incoming[blob]
        rest = memoryview(raw)
        while at[0] < len(parts):
            part = parts[at[0]]
            count = min(len(rest), len(part) - at[1])
            part[at[1] : at[1] + count] = rest[:count]
            rest = rest[count:]
            at[1] += count
            if at[1] < len(part):
                return
            at[0] += 1
            at[1] = 0
        del self._incoming[blob]
        self._on_blob(blob, list(parts))


class Channel:
    """Frames arrive once and in order, however often the connection under them is cut."""

    def __init__(self, deliver: Callable[[int, memoryview, memoryview], None]) -> None:
        self._deliver = deliver
        self._send: Callable[..., None] | None = None
        self._sent = 0
        self._kept: deque[tuple[int, int, bytes, Buffer, int]] = deque()
        self._blobs: deque[_Outgoing] = deque()
        self._under_way = 0
        self.received = 0
        self._unacked_frames = 0
        self._unacked_bytes = 0

    def attach(self, send: Callable[..., None], peer_received: int) -> None:
        """A connection is there, and both have greeted. :param send: of a frame, in parts"""
        self._forget(peer_received)
        self._send = send
        for number, kind, header, raw, _ in self._kept:
            send(*self._stamp(kind, number, header, raw))
        self._pump()

    def detach(self) -> None:
        self._send = None

    def send(self, kind: int, header: bytes, raw: Buffer = b"", blob_bytes: int = 0) -> None:
        self._sent += 1
        self._kept.append((self._sent, kind, header, raw, blob_bytes))
        if self._send is not None:
            self._send(*self._stamp(kind, self._sent, header, raw))

    def send_blob(self, blob: int, parts: Sequence[Buffer]) -> None:
        self._blobs.append(_Outgoing(blob, [memoryview(part).cast("B") for part in parts]))
        if self._send is not None:
            self._pump()

    def receive(self, data: Buffer) -> None:
        """A frame that is no greeting."""
        kind, number, ack, header, raw = read_frame(data)
        self._forget(ack)
        if number > self.received:
            if number != self.received + 1:
                raise ValueError("a frame is missing")
            self.received = number
            self._unacked_frames += 1
            self._unacked_bytes += len(data)
            if self._unacked_frames >= ACK_EVERY_FRAMES or self._unacked_bytes >= ACK_EVERY_BYTES:
                self.acknowledge()
            self._deliver(kind, header, raw)
        self._pump()

    def acknowledge(self) -> None:
        """Say what has arrived, if nothing else has said it."""
        if self._send is not None and self._unacked_frames > 0:
            self._send(*self._stamp(ACK, 0, b"", b""))

    def _stamp(self, kind: int, number: int, header: bytes, raw: Buffer) -> tuple[Buffer, ...]:
        self._unacked_frames = 0
        self._unacked_bytes = 0
        return HEAD.pack(kind, number, self.received, len(header)), header, raw

    def _forget(self, peer_received: int) -> None:
        while self._kept and self._kept[0][0] <= peer_received:
            self._under_way -= self._kept.popleft()[4]

    def _pump(self) -> None:
        """Send what the window has room for; blobs take turns."""
        while self._blobs and self._under_way < BLOB_WINDOW_BYTES:
            blob = self._blobs.popleft()
            header, raw = blob.take()
            if not blob.is_done():
                self._blobs.append(blob)
            self._under_way += len(raw)
            self.send(CHUNK, pack(header), raw, len(raw))


class _Outgoing:
    def __init__(self, blob: int, parts: list[memoryview]) -> None:
        self._blob = blob
        self._parts = parts
        self._part = 0
        self._offset = 0
        self._is_begun = False

    def take(self) -> tuple[Message, memoryview]:
        header: Message = {"blob": self._blob}
        if not self._is_begun:
            header["lengths"] = [len(part) for part in self._parts]
        self._is_begun = True
        part = self._parts[self._part]
        raw = part[self._offset : self._offset + CHUNK_BYTES]
        self._offset += len(raw)
        while self._part < len(self._parts) and self._offset >= len(self._parts[self._part]):
            self._part += 1
            self._offset = 0
        return header, raw

    def is_done(self) -> bool:
        return self._part >= len(self._parts)
