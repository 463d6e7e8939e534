"""What the Node process says of a streaming call, in its order, until Ray takes it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Optional

from .frames import Message


class Items:
    def __init__(self, wake: Callable[[], object] = lambda: None) -> None:
        """:param wake: there may be something to take; called from any thread"""
        self._said: deque[Message] = deque()
        self._wake = wake
        self.is_over = False

    def add(self, message: Message) -> None:
        """`yielded`, or what ends the call. Parts of it may still be on their way."""
        self._said.append(message)

    def whole(self, message: Message) -> None:
        message["isWhole"] = True
        self.is_over = self.is_over or message["type"] != "yielded"
        self._wake()

    def has_next(self) -> bool:
        return bool(self._said) and "isWhole" in self._said[0]

    def take(self) -> Optional[Message]:
        return self._said.popleft() if self.has_next() else None
