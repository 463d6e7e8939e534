"""Arrays and tables: of numpy and pyarrow where these are installed, of the standard library otherwise."""

from __future__ import annotations

import array
import importlib
import struct
import sys
from collections.abc import Sequence
from typing import Any

from .format import BYTES_KIND, VIEW_TYPES, Buffer, CannotTravel

# By what numpy and `struct` call a type: the kind of view that TypeScript has for it.
_KINDS = {view[1]: kind for kind, view in enumerate(VIEW_TYPES) if view is not None and kind not in (3, 13)}
_KINDS["uint8"] = BYTES_KIND
_STRUCT_KINDS = {
    "b": 1, "B": 2, "h": 4, "H": 5, "i": 6, "I": 7, "f": 8, "d": 9, "q": 10, "Q": 11, "l": 10, "L": 11, "c": 2, "?": 2
}  # fmt: skip


def numpy() -> Any:
    """None where it is not installed."""
    try:
        import numpy

        return numpy
    except ImportError:
        return None


def from_view(kind: int, data: memoryview, length: int) -> Any:
    """What a typed array is here: bytes, or an array of the same type on the same memory."""
    view = VIEW_TYPES[kind] if kind < len(VIEW_TYPES) else None
    if view is None:
        return bytes(data[:length])
    code, name = view
    found = numpy()
    if found is not None:
        return found.frombuffer(data, dtype=name, count=length) if length > 0 else found.empty(0, dtype=name)
    return data[: length * struct.calcsize(code)].cast(code)  # type: ignore[call-overload]


def shaped(data: Any, shape: Sequence[int]) -> Any:
    """An `NdArray` of TypeScript."""
    found = numpy()
    if found is not None:
        if isinstance(data, bytes):
            data = found.frombuffer(data, dtype="uint8")
        return data.reshape(tuple(shape))
    view = memoryview(data)
    if 0 in shape:
        raise CannotTravel("is an empty array of several dimensions, which needs numpy. Install numpy for this Python.")
    return view.cast("B").cast(view.format, list(shape))  # type: ignore[call-overload]


def is_numpy(value: object) -> bool:
    found = sys.modules.get("numpy")
    return found is not None and isinstance(value, (found.ndarray, found.generic))


def of_numpy(value: Any) -> tuple[int, Buffer, tuple[int, ...]] | list[Any] | Any:
    """
    Kind of view, memory and shape of an array; or what to send in its place: a list for arrays of texts and objects, a
    number for an array without dimensions.

    :raises CannotTravel:
    """
    found = sys.modules["numpy"]
    if not isinstance(value, found.ndarray) or value.ndim == 0:
        if value.dtype.kind not in "biufSU":
            raise CannotTravel(_no_such_type(value.dtype))
        return value.item()
    kind = value.dtype.kind
    if kind in "OUS":
        return value.tolist()
    if kind == "b":
        value = value.view("uint8") if value.flags.c_contiguous else value.astype("uint8")
    elif value.dtype.name == "float16":
        value = value.astype("float32")
    name = value.dtype.newbyteorder("=").name
    if name not in _KINDS:
        raise CannotTravel(_no_such_type(value.dtype))
    value = found.ascontiguousarray(value, dtype=value.dtype.newbyteorder("="))
    return _KINDS[name], memoryview(value.reshape(-1)).cast("B") if value.size else b"", value.shape


def _no_such_type(dtype: Any) -> str:
    return (
        f"is a numpy array of {dtype}, a type that TypeScript's arrays do not have. "
        "Convert it first, such as array.astype('float64') or array.view('int64')."
    )


def of_buffer(value: memoryview | array.array[Any]) -> tuple[int, Buffer, tuple[int, ...]]:
    """As `of_numpy`, for arrays of the standard library. :raises CannotTravel:"""
    view = memoryview(value)
    code = view.format[-1] if len(view.format) == 1 or view.format[0] in "@=<" else ""
    if code not in _STRUCT_KINDS:
        raise CannotTravel(f"is a buffer of format '{view.format}', a type that TypeScript's arrays do not have.")
    if not view.c_contiguous:
        view = memoryview(view.tobytes()).cast(view.format)  # type: ignore[call-overload]
    shape = tuple(view.shape or (len(view),))
    return _STRUCT_KINDS[code], view.cast("B") if view.nbytes else b"", shape


def table_from(data: memoryview) -> Any:
    """:raises CannotTravel: without pyarrow"""
    try:
        import pyarrow
    except ImportError:
        raise CannotTravel("is an Arrow table, which needs pyarrow. Install pyarrow for this Python.") from None
    return pyarrow.ipc.open_stream(pyarrow.py_buffer(data)).read_all()


def table_bytes(value: object) -> memoryview | None:
    """A table as an Arrow stream; None when it is no table. Frames of polars and pandas are tables where pyarrow is."""
    arrow: Any = sys.modules.get("pyarrow")
    is_frame = hasattr(value, "__arrow_c_stream__") and hasattr(value, "columns")
    if arrow is None and is_frame:
        try:
            arrow = importlib.import_module("pyarrow")
        except ImportError:
            raise CannotTravel("is a table, which needs pyarrow to travel. Install pyarrow for this Python.") from None
    if arrow is None or not (isinstance(value, arrow.Table) or is_frame):
        return None
    table = arrow.table(value)
    sink = arrow.BufferOutputStream()
    with arrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return memoryview(sink.getvalue())
