"""Writes values for TypeScript."""

from __future__ import annotations

import array
import dataclasses
import enum
import struct
from collections.abc import Mapping
from datetime import date, datetime, timezone
from typing import Any

from . import arrays
from . import format as f
from .format import Buffer, CannotTravel
from .reader import is_negative_zero, step

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# Lists of numbers from this length on are written as memory.
_PACKED_LENGTH = 16
_INT32 = range(-(2**31), 2**31)


def write(value: object, path: str = "result") -> list[Buffer]:
    """
    The value's bytes, then its large buffers, which are the value's own memory.

    :raises CannotTravel: naming where in the value something is that TypeScript has nothing for
    """
    try:
        return Writer().run(value)
    except CannotTravel as problem:
        raise problem.below(path) from None
    except RecursionError:
        raise CannotTravel("is nested too deeply. Flatten it, or send it in pieces.", path) from None


class Writer:
    def __init__(self) -> None:
        self._out = bytearray([f.PLAIN, 0, 0, 0, 0])
        # Objects by identity, each with its number; kept, so that no other takes its place in memory.
        self._seen: dict[int, tuple[int, object]] = {}
        self._count = 0
        self._shapes: dict[tuple[str, ...], int] = {}
        self._chunks: list[Buffer] = []
        self._modules: list[str] = []

    def run(self, value: object) -> list[Buffer]:
        self._value(value)
        out = self._out
        if not self._chunks and not self._modules:
            return [bytes(out)]
        struct.pack_into("<I", out, 1, len(out) - f.VALUE_START)
        out[0] = f.SECTIONS
        self._varint(len(self._modules))
        for module in self._modules:
            self._utf8(module)
            self._utf8("")
        self._varint(2 * len(self._chunks))
        for number in range(len(self._chunks)):
            self._varint(number)
            self._varint(0)
        self._varint(0)  # no captured variables
        self._varint(len(self._chunks))
        for chunk in self._chunks:
            out.append(f.IS_INLINE if len(chunk) < f.OUT_OF_BAND_BYTES else 0)
            self._varint(len(chunk))
        self._utf8("")
        for chunk in self._chunks:
            if len(chunk) < f.OUT_OF_BAND_BYTES:
                out += chunk
        return [bytes(out), *(chunk for chunk in self._chunks if len(chunk) >= f.OUT_OF_BAND_BYTES)]

    # ── primitives ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _varint(self, value: int) -> None:
        while value > 0x7F:
            self._out.append(value & 0x7F | 0x80)
            value >>= 7
        self._out.append(value)

    def _utf8(self, text: str) -> None:
        data = text.encode()
        self._varint(len(data))
        self._out += data

    def _text(self, text: str) -> None:
        out = self._out
        if len(text) < 64 and text.isascii():
            out.append(f.SHORT_TEXT + len(text))
            out += text.encode("ascii")
            return
        try:
            data = text.encode()
            out.append(f.UTF8)
        except UnicodeEncodeError:
            data = text.encode("utf-16-le", "surrogatepass")
            out.append(f.UTF16)
        self._varint(len(data))
        out += data

    def _int(self, value: int) -> None:
        out = self._out
        if 0 <= value < 64:
            out.append(f.SMALL_INT + value)
        elif value in _INT32:
            out.append(f.INT)
            self._varint(2 * value if value >= 0 else -2 * value - 1)
        elif abs(value) <= f.LARGEST_SAFE:
            self._float(float(value))
        else:
            out.append(f.BIGINT)
            out.append(1 if value < 0 else 0)
            self._text(f"{abs(value):x}")

    def _float(self, value: float) -> None:
        self._out.append(f.DOUBLE)
        self._out += struct.pack("<d", value)

    # ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _value(self, value: Any) -> None:
        if value is None:
            self._out.append(f.NULL)
        elif value is True or value is False:
            self._out.append(f.TRUE if value else f.FALSE)
        elif isinstance(value, str):
            self._text(str(value) if not isinstance(value, enum.Enum) else value.value)
        elif isinstance(value, int):
            self._int(int(value))
        elif isinstance(value, float):
            self._float(value)
        elif isinstance(value, enum.Enum):
            self._value(value.value)
        else:
            self._object(value)

    def _object(self, value: Any) -> None:
        if arrays.is_numpy(value):
            described = arrays.of_numpy(value)
            if not isinstance(described, tuple):
                return self._value(described)
        seen = self._seen.get(id(value))
        if seen is not None:
            self._out.append(f.BACK)
            self._varint(seen[0])
            return
        self._seen[id(value)] = (self._count, value)
        self._count += 1
        if arrays.is_numpy(value):
            self._array(*described)
        elif isinstance(value, (list, tuple)):
            self._list(value)
        elif isinstance(value, Mapping):
            self._mapping(value)
        elif isinstance(value, (set, frozenset)):
            self._out.append(f.SET)
            self._varint(len(value))
            for item in value:
                self._part(item, "{…}")
        elif isinstance(value, (bytes, bytearray)):
            self._view(f.BYTES_KIND, value, len(value))
        elif isinstance(value, (memoryview, array.array)):
            self._array(*arrays.of_buffer(value))
        elif isinstance(value, date):
            self._date(value)
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            names = [field.name for field in dataclasses.fields(value)]
            self._record(names, [getattr(value, name) for name in names])
        else:
            self._table(value)

    def _table(self, value: Any) -> None:
        data = arrays.table_bytes(value)
        if data is not None:
            self._out.append(f.ARROW)
            self._varint(self._module("apache-arrow"))
            self._varint(self._chunk(data))
            self._varint(len(data))
            return
        kind = type(value)
        name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
        raise CannotTravel(f"({name}) has no counterpart in TypeScript. {advice(value)}")

    def _array(self, kind: int, data: Buffer, shape: tuple[int, ...]) -> None:
        """A typed array; of several dimensions, an NdArray with one in it."""
        count = 1
        for length in shape:
            count *= length
        if len(shape) == 1:
            self._view(kind, data, count)
            return
        self._out.append(f.REDUCED)
        self._varint(self._module(f.MODULE))
        self._text("ndArray")
        self._varint(2)
        self._count += 1
        self._view(kind, data, count)
        self._value(list(shape))

    def _view(self, kind: int, data: Buffer, length: int) -> None:
        chunk = self._chunk(data)
        self._out += bytes((f.VIEW, kind))
        self._varint(chunk)
        self._varint(length)

    def _list(self, items: list[Any] | tuple[Any, ...]) -> None:
        count = len(items)
        packed = self._packed(items) if count >= _PACKED_LENGTH else None
        if packed is not None:
            self._out.append(f.INTS if packed.typecode == "i" else f.DOUBLES)
            self._varint(count)
            self._varint(self._chunk(memoryview(packed).cast("B")))
            return
        if count < 32:
            self._out.append(f.SHORT_ARRAY + count)
        else:
            self._out.append(f.ARRAY)
            self._varint(count)
        for index, item in enumerate(items):
            self._part(item, f"[{index}]")

    def _packed(self, items: list[Any] | tuple[Any, ...]) -> array.array[Any] | None:
        types = set(map(type, items))
        if types == {int} and min(items) in _INT32 and max(items) in _INT32:
            return array.array("i", items)
        if types == {float} and not any(is_negative_zero(item) for item in items):
            return array.array("d", items)
        return None

    def _mapping(self, value: Mapping[Any, Any]) -> None:
        keys = list(value)
        if all(type(key) is str for key in keys):
            self._record(keys, [value[key] for key in keys])
            return
        self._out.append(f.MAP)
        self._varint(len(keys))
        for key in keys:
            self._part(key, f"[{key!r}]")
            self._part(value[key], f"[{key!r}]")

    def _record(self, names: list[str], values: list[Any]) -> None:
        shape = tuple(names)
        number = self._shapes.get(shape)
        if number is None:
            self._shapes[shape] = len(self._shapes)
            self._out.append(f.SHAPE)
            self._varint(len(names))
            for name in names:
                self._text(name)
        elif number < 32:
            self._out.append(f.SHORT_OBJECT + number)
        else:
            self._out.append(f.OBJECT)
            self._varint(number)
        for name, value in zip(names, values):
            self._part(value, step(name))

    def _date(self, value: date) -> None:
        if not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day, tzinfo=timezone.utc)
        self._out.append(f.DATE)
        # Without a zone it is the local time of this machine, as everywhere in Python.
        self._out += struct.pack("<d", round((value.astimezone(timezone.utc) - _EPOCH).total_seconds() * 1000))

    def _part(self, value: Any, step: str) -> None:
        try:
            self._value(value)
        except CannotTravel as problem:
            raise problem.below(step) from None

    def _chunk(self, data: Buffer) -> int:
        self._chunks.append(data)
        return len(self._chunks) - 1

    def _module(self, name: str) -> int:
        if name not in self._modules:
            self._modules.append(name)
        return self._modules.index(name)


def advice(value: object) -> str:
    if hasattr(value, "__next__"):
        return "Return a list of what it yields, or say that it streams: py.task(…, { streaming: true }), py.actor(…, { streaming: [method] })."
    if hasattr(value, "__array__"):
        return "Return it as a numpy array."
    if callable(value):
        return "Call it in Python, or name it in py.task()."
    return "Return plain data, such as a dict, a list or a numpy array."
