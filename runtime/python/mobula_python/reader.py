"""Reads values that TypeScript has written."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Optional

from . import arrays
from . import format as f
from .format import Buffer, CannotTravel, InnerValue, Kwargs

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

_UNKNOWN = {
    f.REGEXP: "a RegExp",
    f.ERROR: "an Error",
    f.BOXED: "a boxed primitive",
    f.REF: "an ObjectRef inside another value",
    f.ACTOR: "an actor handle",
    f.URL_SEARCH_PARAMS: "a URLSearchParams",
    f.INSTANCE: "an object of a class",
    f.FUNCTION: "a function",
    f.IMPORTED: "a function or module",
    f.GLOBAL: "a function",
    f.BUILTIN: "a function",
    f.SYMBOL: "a symbol",
    f.PROTOTYPE_OF: "a prototype",
}


def read(parts: Sequence[Buffer], path: str = "value") -> Any:
    """
    The value whose bytes come first in `parts`, its large buffers after them. Arrays lie on that memory.

    :raises CannotTravel: for what Python has nothing for
    """
    return Reader(parts).whole(path)


class Reader:
    def __init__(self, parts: Sequence[Buffer]) -> None:
        self._data = memoryview(parts[0]).cast("B")
        self._at = f.VALUE_START
        self._objects: list[Any] = []
        self._shapes: list[list[str]] = []
        self._modules: list[str] = []
        self._ranges: list[int] = []
        self._chunks: list[memoryview] = []
        # The least index among inner values.
        self.first_inner: Optional[int] = None
        if self._data[0] == f.SECTIONS:
            self._read_sections(parts[1:])
        elif self._data[0] != f.PLAIN:
            raise CannotTravel(f"is of a version that is not known here ({self._data[0]})")

    def _read_sections(self, buffers: Sequence[Buffer]) -> None:
        (length,) = struct.unpack_from("<I", self._data, 1)
        self._at = f.VALUE_START + length
        for _ in range(self._varint()):
            self._modules.append(self._utf8())
            self._utf8()  # where it is imported
        self._ranges = self._integers()
        self._integers()  # captured variables that are assigned
        kinds = [(self._byte(), self._varint()) for _ in range(self._varint())]
        self._utf8()  # the state of the sender's code
        rest = iter(buffers)
        for flags, size in kinds:
            # Small ones get memory of their own, which may be written to.
            chunk = memoryview(bytearray(self._raw(size))) if flags & f.IS_INLINE else memoryview(next(rest)).cast("B")
            self._chunks.append(chunk)
        self._at = f.VALUE_START

    # ── primitives ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _byte(self) -> int:
        value = self._data[self._at]
        self._at += 1
        return value

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def _raw(self, count: int) -> memoryview:
        start = self._at
        self._at += count
        return self._data[start : self._at]

    def _utf8(self) -> str:
        return str(self._raw(self._varint()), "utf-8")

    def _integers(self) -> list[int]:
        return [self._varint() for _ in range(self._varint())]

    def _double(self) -> float:
        (value,) = struct.unpack("<d", self._raw(8))
        return float(value)

    def whole(self, path: str) -> Any:
        try:
            return self.value()
        except CannotTravel as problem:
            raise problem.below(path) from None

    # ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def value(self) -> Any:
        tag = self._byte()
        if tag >= f.SMALL_INT:
            if tag < f.SHORT_TEXT:
                return tag - f.SMALL_INT
            if tag < f.SHORT_OBJECT:
                return str(self._raw(tag - f.SHORT_TEXT), "latin-1")
        if tag in (f.UNDEFINED, f.NULL):
            return None
        if tag == f.TRUE:
            return True
        if tag == f.FALSE:
            return False
        if tag == f.INT:
            zigzag = self._varint()
            return -(zigzag + 1) // 2 if zigzag % 2 else zigzag // 2
        if tag == f.DOUBLE:
            return number(self._double())
        if tag == f.BIGINT:
            is_negative = self._byte() == 1
            size = int(self.value(), 16)
            return -size if is_negative else size
        if tag == f.LATIN1:
            return str(self._raw(self._varint()), "latin-1")
        if tag == f.UTF8:
            return self._utf8()
        if tag == f.UTF16:
            return str(self._raw(self._varint()), "utf-16-le", "surrogatepass")
        if tag == f.BACK:
            return self._objects[self._varint()]
        if tag in _UNKNOWN:
            raise CannotTravel(f"is {_UNKNOWN[tag]}, for which Python has no counterpart. Pass plain data.")
        number_of = len(self._objects)
        self._objects.append(None)
        return self._object(tag, number_of)

    def _object(self, tag: int, number_of: int) -> Any:
        """An object by its kind, known under its number before its parts are read."""
        if tag >= f.SHORT_ARRAY:
            return self._list(number_of, tag - f.SHORT_ARRAY)
        if tag >= f.SHORT_OBJECT:
            return self._shaped(number_of, self._shapes[tag - f.SHORT_OBJECT])
        if tag == f.ARRAY:
            return self._list(number_of, self._varint())
        if tag == f.SHAPE:
            keys = [self.value() for _ in range(self._varint())]
            self._shapes.append(keys)
            return self._shaped(number_of, keys)
        if tag == f.OBJECT:
            return self._shaped(number_of, self._shapes[self._varint()])
        if tag == f.NULL_PROTOTYPE:
            return self._object(self._byte(), number_of)
        if tag == f.PROPERTIES:
            return self._properties(number_of)
        if tag == f.SPARSE:
            return self._sparse(number_of)
        if tag == f.MAP:
            return self._map(number_of)
        if tag == f.SET:
            return self._set(number_of)
        self._objects[number_of] = leaf = self._leaf(tag)
        return leaf

    def _leaf(self, tag: int) -> Any:
        """Objects without parts."""
        if tag == f.DATE:
            return date(self._double())
        if tag in (f.DOUBLES, f.INTS):
            count = self._varint()
            code, size = ("i", 4) if tag == f.INTS else ("d", 8)
            items = self._place(self._varint())[: count * size].cast(code).tolist()  # type: ignore[call-overload]
            return items if tag == f.INTS else [number(item) for item in items]
        if tag == f.ARRAY_BUFFER:
            return bytes(self._chunk(self._varint()))
        if tag == f.VIEW:
            kind = self._byte()
            place = self._place(self._varint())
            return arrays.from_view(kind, place, self._varint())
        if tag == f.ARROW:
            self._varint()  # the copy of `apache-arrow` it came from
            place = self._place(self._varint())
            return arrays.table_from(place[: self._varint()])
        if tag == f.URL:
            return self.value()
        if tag == f.REDUCED:
            return self._reduced()
        raise CannotTravel(f"is of an unknown kind ({tag}). Use the same version of mobula on both sides.")

    def _reduced(self) -> Any:
        module = self._modules[self._varint()]
        name = self.value()
        given = [self.value() for _ in range(self._varint())]
        if module == f.MODULE and name == "ndArray":
            return arrays.shaped(*given)
        if module == f.MODULE and name == "pythonKwargs":
            return Kwargs(given[0])
        if module == f.MODULE and name == "innerValue":
            self.first_inner = min(given[0], given[0] if self.first_inner is None else self.first_inner)
            return InnerValue(given[0])
        raise CannotTravel(f"is made by '{name}' of '{module}', for which Python has no counterpart. Pass plain data.")

    def _list(self, number_of: int, count: int) -> list[Any]:
        items: list[Any] = []
        self._objects[number_of] = items
        for index in range(count):
            items.append(self._part(f"[{index}]"))
        return items

    def _sparse(self, number_of: int) -> list[Any]:
        items: list[Any] = [None] * self._varint()
        self._objects[number_of] = items
        for _ in range(self._varint()):
            index = self._varint()
            items[index] = self._part(f"[{index}]")
        return items

    def _shaped(self, number_of: int, keys: Sequence[str]) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        self._objects[number_of] = made
        for key in keys:
            made[key] = self._part(step(key))
        return made

    def _properties(self, number_of: int) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        self._objects[number_of] = made
        for _ in range(self._varint()):
            flags = self._byte()
            if flags & f.ACCESSOR_FLAG:
                raise CannotTravel("has an accessor, for which Python has no counterpart. Pass plain data.")
            key = self.value()
            made[key] = self._part(step(str(key)))
        return made

    def _map(self, number_of: int) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        self._objects[number_of] = made
        for _ in range(self._varint()):
            key = hashable(self.value(), "a Map has as a key")
            made[key] = self._part(step(str(key)))
        return made

    def _set(self, number_of: int) -> set[Any]:
        made: set[Any] = set()
        self._objects[number_of] = made
        for _ in range(self._varint()):
            made.add(hashable(self.value(), "a Set has in it"))
        return made

    def _part(self, step: str) -> Any:
        try:
            return self.value()
        except CannotTravel as problem:
            raise problem.below(step) from None

    # ── memory ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _chunk(self, range_number: int) -> memoryview:
        return self._chunks[self._ranges[2 * range_number]]

    def _place(self, range_number: int) -> memoryview:
        return self._chunk(range_number)[self._ranges[2 * range_number + 1] :]


def number(value: float) -> int | float:
    """A whole number is an int, as in JSON: TypeScript does not tell 2 from 2.0."""
    if value.is_integer() and -f.LARGEST_SAFE <= value <= f.LARGEST_SAFE and not is_negative_zero(value):
        return int(value)
    return value


def is_negative_zero(value: float) -> bool:
    return value == 0 and str(value)[0] == "-"


def date(milliseconds: float) -> datetime:
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except (OverflowError, ValueError):
        raise CannotTravel("is a Date that Python's datetime cannot be: it needs one in the years 1 to 9999.") from None


def hashable(value: Any, what: str) -> Any:
    if isinstance(value, InnerValue):
        raise CannotTravel(f"is what {what}, and it is an ObjectRef there. Refs inside arrays and objects are resolved.")
    try:
        hash(value)
    except TypeError:
        text = f"is what {what}, and Python cannot hash a {type(value).__name__}. Use numbers or strings."
        raise CannotTravel(text) from None
    return value


def step(key: str) -> str:
    return f".{key}" if key.isidentifier() else f"[{key!r}]"
