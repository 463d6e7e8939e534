"""Exceptions as plain data, as in `runtime/src/protocol/wire-error.ts`."""

from __future__ import annotations

import os
import traceback
from typing import Any

from .format import CannotTravel

Wire = dict[str, Any]

_OWN_FOLDERS = (os.path.dirname(__file__), os.path.join(os.path.dirname(os.path.dirname(__file__)), "mobula_ray"))
_MAX_FRAMES = 50
_MAX_CAUSES = 8


def to_wire(error: BaseException, depth: int = 0) -> Wire:
    """With the stack as V8 writes it, innermost call first, and Python's own traceback in `traceback`."""
    if isinstance(error, CannotTravel):
        return {
            "name": "SerializationError",
            "code": "SERIALIZATION",
            "message": str(error),
            "stack": f"SerializationError: {error}",
            "properties": {"path": error.path},
        }
    name = type(error).__name__
    message = _message(error)
    frames = _frames(error)
    lines = [f"    at {frame.name} ({frame.filename}:{frame.lineno}:{_column(frame)})" for frame in reversed(frames)]
    told = [f"{name}: {message}" if message else name, *lines[:_MAX_FRAMES]]
    wire: Wire = {"name": name, "message": message, "stack": "\n".join(told)}
    wire["properties"] = {"traceback": _traceback(error, frames)}
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and depth < _MAX_CAUSES:
        wire["cause"] = {"error": to_wire(cause, depth + 1)}
    return wire


def class_names(error: BaseException) -> list[str]:
    """Most derived first."""
    return [kind.__name__ for kind in type(error).__mro__ if kind is not object]


def _message(error: BaseException) -> str:
    try:
        # Otherwise a missing key is nothing but its name in quotes.
        return f"there is no key {error}" if type(error) is KeyError else str(error)
    except Exception as problem:
        return f"its text cannot be had: {type(problem).__name__}"


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    """The user's, and those of the libraries it calls."""
    frames = traceback.extract_tb(error.__traceback__)
    return [frame for frame in frames if not frame.filename.startswith((*_OWN_FOLDERS, "<frozen importlib"))]


def _column(frame: traceback.FrameSummary) -> int:
    return (getattr(frame, "colno", None) or 0) + 1


def _traceback(error: BaseException, frames: list[traceback.FrameSummary]) -> str:
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(frames)] if frames else []
    return "".join([*lines, *traceback.format_exception_only(type(error), error)]).rstrip("\n")
