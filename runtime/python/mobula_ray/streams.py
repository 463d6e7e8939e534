"""Items of streaming calls, as they come, on their way to whoever made the call."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Optional

from ray.exceptions import ObjectRefStreamEndOfStreamError

from . import private
from .frames import Message

if TYPE_CHECKING:
    from .host import Host

# Items that may be ahead of their reader; see STREAM_WINDOW in stream-buffer.ts.
WINDOW = 16


class Stream:
    """
    Of the items that may be ahead of their reader, half are on the way to it (`ahead`); the rest wait in Ray (`in_ray`)
    and in the Node process that makes them (`in_child`).
    """

    def __init__(self, host: Host, send: Callable[[Message], None], task_id: str, window: Optional[int]) -> None:
        count = window or WINDOW
        self.ahead = count // 2
        self.in_child = (count - self.ahead - 1) // 2
        self.in_ray = count - self.ahead - self.in_child
        self._host = host
        self._send = send
        self._task_id = task_id
        self._items: Any = None
        self._on_end: Callable[[Optional[BaseException]], None] = lambda _: None
        self._is_asking = False
        self._is_open = True
        # The call is over or has to end: nothing is held back for the reader any more.
        self._is_draining = False
        self._wanted = 0
        # Items that went to the reader, also in runs before this one.
        self.sent = 0

    def follow(self, items: Any, on_end: Callable[[Optional[BaseException]], None]) -> None:
        """Of a run of the call. :param on_end: called once, with what ended it if it failed"""
        self._items = items
        self._on_end = on_end
        self._is_draining = not self._is_open
        # What is made by then goes to the reader, who hears so of the end.
        self._host.when_settled(items.completed(), lambda _: self._completed(items))
        self._ask()

    def order(self) -> Message:
        """What the Node process is told; see RunOrder in ray.ts."""
        return {"stream": {"ahead": self.in_child, "skip": self.sent}}

    def want(self, count: int) -> None:
        """The reader has asked for so many in all."""
        self._wanted = count
        self._ask()

    def drain(self) -> None:
        self._is_draining = True
        self._ask()

    def close(self) -> None:
        """The reader wants no more; the call is to be cancelled."""
        self._is_open = False
        self.drain()

    def _ask(self) -> None:
        if self._items is None or self._is_asking:
            return
        if self._is_draining or self.sent < self._wanted + self.ahead:
            self._is_asking = True
            self._host.when_settled(private.coming_item(self._items), self._came)

    def _came(self, future: Future[Any]) -> None:
        error = future.exception()
        if error is not None and not isinstance(error, ObjectRefStreamEndOfStreamError):
            self._end(error)
            return
        ref = None if error is not None else private.take_item(self._items)
        if ref is None:
            self._host.when_settled(self._items.completed(), lambda completed: self._end(completed.exception()))
        else:
            self._is_asking = False
            self._take(ref, future)
            self._ask()

    def _completed(self, items: Any) -> None:
        if items is self._items:
            self.drain()

    def _take(self, ref: Any, future: Future[Any]) -> None:
        if not self._is_open:
            return
        id = f"{self._task_id}.{self.sent}"
        self.sent += 1
        self._host.adopt([id], [ref])
        self._send({"type": "item", "taskId": self._task_id, "id": id})
        [entry] = self._host.entries([id])
        self._host.report(entry, future)

    def _end(self, error: Optional[BaseException]) -> None:
        self._items = None
        self._is_asking = False
        self._on_end(error)
