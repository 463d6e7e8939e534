"""
Values as they lie in Ray. Only drivers and Node workers read the bytes; refs and actor handles inside are Ray's own, so Ray counts
who borrows them, and large parts lie in shared memory beside the pickle.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from pickle import PickleBuffer
from typing import Any, Optional, Union

from .frames import Buffer, Message, pack, unpack

MARK = "mobula1"
# Below this a buffer of its own costs more than it saves.
INLINE_BYTES = 4096
# Values up to this size ride in messages; see REMOTE_INLINE_BYTES in remote.ts.
MESSAGE_BYTES = 32 * 1024

# Small values without refs are bytes that begin so: those Ray takes as they are, all else it pickles. Behind it stands for
# how many milliseconds the code ran that made it; 0 for what is no result.
PLAIN = b"mobula1\n"
TOOK = struct.Struct("<f")
PLAIN_HEAD_BYTES = len(PLAIN) + TOOK.size

Envelope = Union[bytes, tuple[str, Any, list[Any], list[str], list[Any]]]


def envelope(parts: Sequence[Buffer], ids: Sequence[str], refs: Sequence[Any], took_ms: float = 0.0) -> Envelope:
    """The object that Ray stores. `parts`: the value's bytes, then its buffers; `ids`: of the objects and actors inside."""
    if not ids and sum(map(len, parts)) <= MESSAGE_BYTES:
        return PLAIN + TOOK.pack(took_ms) + pack([bytes(part) for part in parts])
    first, *buffers = (_part(part) for part in parts)
    return (MARK, first, buffers, list(ids), list(refs))


def is_actor(id: str) -> bool:
    """Ids of actors have an upper-case letter behind the maker's name; see ids.ts."""
    return ".A" in id


def inside(value: Message) -> list[str]:
    """Ids of the objects and actors in a message's value."""
    return [*(value.get("refs") or []), *(value.get("handles") or [])]


def _part(part: Buffer) -> Any:
    return PickleBuffer(part) if len(part) > INLINE_BYTES else bytes(part)


class NotOurs(Exception):
    """An object that no Mobula driver or worker has stored."""


def opened(stored: object) -> tuple[list[memoryview], list[str], list[Any]]:
    """Parts, ids and refs of an object."""
    if isinstance(stored, bytes) and stored.startswith(PLAIN):
        return [memoryview(part) for part in unpack(memoryview(stored)[PLAIN_HEAD_BYTES:])], [], []
    if not isinstance(stored, tuple) or len(stored) != 5 or stored[0] != MARK:
        raise NotOurs(f"Ray gave a value of Python's ({type(stored).__name__}), which TypeScript cannot read")
    _, first, buffers, ids, refs = stored
    return [memoryview(part).cast("B") for part in (first, *buffers)], ids, refs


def took_ms(stored: object) -> float:
    """How long the code ran that made a result. Who makes large ones, or ones with refs, does not come here for speed."""
    if isinstance(stored, bytes) and stored.startswith(PLAIN):
        took: float = TOOK.unpack_from(stored, len(PLAIN))[0]
        return took
    return math.inf


def size_of(parts: Sequence[memoryview]) -> int:
    return sum(len(part) for part in parts)


def in_message(parts: Sequence[memoryview], ids: Sequence[str]) -> Message:
    """A small value as messages carry it."""
    value: Message = {"bytes": bytes(parts[0])}
    if len(parts) > 1:
        value["buffers"] = [bytes(part) for part in parts[1:]]
    return with_ids(value, ids)


def with_ids(value: Message, ids: Sequence[str]) -> Message:
    refs = [id for id in ids if not is_actor(id)]
    handles = [id for id in ids if is_actor(id)]
    return {**value, **({"refs": refs} if refs else {}), **({"handles": handles} if handles else {})}


def parts_in(value: Message) -> Optional[list[Buffer]]:
    """Of a value that rides in its message; None for one that comes as a blob."""
    if "bytes" not in value:
        return None
    return [value["bytes"], *(value.get("buffers") or [])]
