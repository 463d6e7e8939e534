"""Short calls that the Node process beside a Ray worker runs one after the other, as far as it has told what became of them."""

from __future__ import annotations

import base64
import time
from typing import Optional

from .entries import sealed
from .frames import Message

# How long a call may run before those behind it go elsewhere.
HELD_UP_S = 0.1
# The first one, which waits for the process.
STARTING_S = 2.0
# What the log may carry of the results of those before it.
EARLY_BYTES = 32 * 1024


class CallLine:
    """Calls that run one after the other, as far as the child has told what became of them."""

    def __init__(self, ids: list[str], outcomes: dict[str, Message], patience_s: float) -> None:
        self.ids = ids
        self._outcomes = outcomes
        self._patience_s = patience_s
        self._next = 0
        self._since = time.monotonic()
        self._told_to_stop = False
        self._dropped: set[str] = set()

    def is_over(self) -> bool:
        before = self._next
        while self._next < len(self.ids) and self.ids[self._next] in self._outcomes:
            self._next += 1
        if self._next > before:
            self._since = time.monotonic()
            self._patience_s = HELD_UP_S
        return self._next == len(self.ids)

    def first(self) -> Optional[str]:
        """The one that runs, or comes next."""
        return None if self.is_over() else self.ids[self._next]

    def ended(self) -> dict[str, Message]:
        """What the child said of those before the one that runs."""
        return {task_id: self._outcomes[task_id] for task_id in self.ids[: self._next]}

    def behind(self) -> list[str]:
        return [task_id for task_id in self.ids[self._next + 1 :] if task_id not in self._outcomes]

    def is_held_up(self) -> bool:
        """Once, when the first one takes too long for those behind it."""
        is_late = not self._told_to_stop and not self.is_over() and time.monotonic() - self._since > self._patience_s
        self._told_to_stop = self._told_to_stop or is_late
        return is_late

    def newly_dropped(self) -> list[str]:
        if not self._told_to_stop:
            return []
        dropped = [id for id in self.ids if self._outcomes.get(id, {}).get("type") == "dropped" and id not in self._dropped]
        self._dropped.update(dropped)
        return dropped


def told_early(ended: dict[str, Message]) -> dict[str, str]:
    """Results of calls that another one keeps from the store, as far as they are small enough for a line of the log."""
    told: dict[str, str] = {}
    room = EARLY_BYTES
    for task_id, said in ended.items():
        stored = said.get("stored") or []
        if said["type"] == "threw" or len(stored) != 1:
            continue
        [(parts, inside)] = stored
        size = sum(map(len, parts))
        if inside or size > room:
            continue
        result = sealed(parts, inside, said.get("tookMs", 0.0))
        if isinstance(result, bytes):
            told[task_id] = base64.b64encode(result).decode()
            room -= size
    return told
