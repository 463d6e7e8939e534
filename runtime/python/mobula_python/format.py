"""
The byte format of values; see `runtime/src/protocol/codec-format.ts`, which says what each tag is followed by.
"""

from __future__ import annotations

from typing import Union

Buffer = Union[bytes, bytearray, memoryview]

PLAIN = 0x21
SECTIONS = 0x22
VALUE_START = 5
# Buffers of at least this many bytes travel out of band.
OUT_OF_BAND_BYTES = 4096

UNDEFINED, NULL, TRUE, FALSE, INT, DOUBLE, BIGINT, LATIN1, UTF8, UTF16, BACK = range(0x0B)
ARRAY, SPARSE, DOUBLES, INTS, SHAPE, OBJECT, PROPERTIES, NULL_PROTOTYPE = range(0x0B, 0x13)
DATE, REGEXP, MAP, SET, ERROR, BOXED, ARRAY_BUFFER, VIEW, REF, ACTOR, ARROW, URL = range(0x13, 0x1F)
URL_SEARCH_PARAMS, INSTANCE, FUNCTION, IMPORTED, GLOBAL, BUILTIN, REDUCED, SYMBOL, PROTOTYPE_OF = range(0x1F, 0x28)
SMALL_INT = 0x40
SHORT_TEXT = 0x80
SHORT_OBJECT = 0xC0
SHORT_ARRAY = 0xE0

# Kinds of views by number, as the code of `struct` and the name that numpy has for it; None: they are bytes.
VIEW_TYPES: tuple[tuple[str, str] | None, ...] = (
    None,  # DataView
    ("b", "int8"),
    None,  # Uint8Array
    ("B", "uint8"),  # Uint8ClampedArray
    ("h", "int16"),
    ("H", "uint16"),
    ("i", "int32"),
    ("I", "uint32"),
    ("f", "float32"),
    ("d", "float64"),
    ("q", "int64"),
    ("Q", "uint64"),
    None,  # Buffer
    ("e", "float16"),
)
BYTES_KIND = 2

ACCESSOR_FLAG = 8
IS_INLINE = 1

# Integers up to here are numbers in TypeScript, others are of type bigint.
LARGEST_SAFE = 2**53 - 1

# Where TypeScript finds what makes the values that only these calls have.
MODULE = "mobula-own:api/python-values"


class CannotTravel(Exception):
    """A value has no counterpart on the other side. `path` says where it is, `reason` what it is and what to do."""

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path

    def below(self, step: str) -> CannotTravel:
        return CannotTravel(self.reason, step + self.path)

    def __str__(self) -> str:
        return f"`{self.path}` {self.reason}" if self.path else self.reason


class InnerValue:
    """In place of a ref inside an argument: its value is the argument of this index."""

    def __init__(self, index: int) -> None:
        self.index = index


class Kwargs(dict[str, object]):
    """The last argument of a call: its arguments by name."""
