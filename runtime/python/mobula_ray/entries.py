"""Objects, actors and code that the peer of a host knows by their ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional
from urllib.parse import unquote

from . import values
from .errors import Missing, to_wire, wire
from .frames import Buffer, Message


@dataclass
class Entry:
    id: str
    ref: Any = None
    handed: int = 0
    # Who waits until there is a ref.
    waiting: list[Callable[[], None]] = field(default_factory=list)
    # Why there will be none.
    error: Optional[Message] = None

    def resolve(self, ref: Any, error: Optional[Message] = None) -> None:
        self.ref = ref
        self.error = error
        waiting, self.waiting = self.waiting, []
        for act in waiting:
            act()


@dataclass
class Code:
    inline: Optional[Message] = None
    entry: Optional[Entry] = None
    # What it captures.
    refs: Sequence[Entry] = ()

    def ref(self) -> Any:
        """As an argument of Ray's; empty for code that rides along."""
        return b"" if self.entry is None else self.entry.ref

    def needs(self) -> list[Entry]:
        return [*self.refs, *([] if self.entry is None else [self.entry])]


class Line:
    """Calls of one actor."""

    def __init__(self) -> None:
        self._last: Optional[Entry] = None

    def join(self) -> tuple[Optional[Entry], Entry]:
        """What to wait for, and what the next one waits for."""
        before = self._last
        if before is not None and before.ref is not None:
            before = None
        self._last = Entry("call")
        return before, self._last

    def hold(self) -> Callable[[], None]:
        """Later calls wait until what this returns is called."""
        gate = self._last = Entry("restart")
        return lambda: gate.resolve(True)


class Lent:
    """Stands for a value at hand, where otherwise a Future of Ray's does."""

    def __init__(self, stored: values.Envelope) -> None:
        self._stored = stored

    def exception(self) -> None:
        return None

    def result(self) -> values.Envelope:
        return self._stored


def sealed(parts: Sequence[Buffer], inside: Sequence[Entry], took_ms: float = 0.0) -> values.Envelope:
    check(inside)
    return values.envelope(parts, [entry.id for entry in inside], [entry.ref for entry in inside], took_ms)


def check(entries: Sequence[Entry]) -> None:
    for entry in entries:
        if entry.error is not None:
            raise Missing(entry.error)


def problem_of(problem: Exception, name: str) -> Message:
    return problem.error if isinstance(problem, Missing) else to_wire(problem, name)


def lost(id: str) -> Message:
    return wire("OBJECT_LOST", f"Object {made_at(id)[0]} is lost: nobody had a ref to it any more.")


def made_at(id: str) -> tuple[str, Optional[str]]:
    """The id alone, and where in the user's code the object was stored, if the id says it: see IdMaker of ids.ts."""
    number, _, mark = id.partition("@")
    file, _, line = unquote(mark).rpartition(":")
    if file:
        return number, f"line {line} of {unquote(file)}"  # which was part of a URL
    return number, f"cell [{line}]" if line else None
