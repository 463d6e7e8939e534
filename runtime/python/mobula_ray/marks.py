"""
Output with its origin, on its way from a worker to its session: one line of the worker's log each, which Ray brings. What is
printed past us, such as by libraries in C, stands in the same log and may share a line with one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TextIO

from .frames import Message

MARK = "\x1emobula "


def write(stream: TextIO, message: Message) -> None:
    # One write: threads share the streams of a worker, where Ray has each written piece go out by itself.
    stream.write(f"{MARK}{json.dumps(message)}\n")
    stream.flush()


def read(lines: Sequence[str]) -> tuple[list[Message], list[str]]:
    """The messages in these lines, and what else stands there: whole lines, or the parts of a line around a message."""
    messages: list[Message] = []
    plain: list[str] = []
    for line in lines:
        before, *marked = line.split(MARK)
        if before or not marked:
            plain.append(before)
        for text in marked:
            try:
                message, end = _DECODER.raw_decode(text)
            except ValueError:
                plain.append(text)
                continue
            messages.append(message)
            if text[end:]:
                plain.append(text[end:])
    return messages, plain


_DECODER = json.JSONDecoder()
