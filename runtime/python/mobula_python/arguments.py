"""Arguments of a call, with the values of refs that were inside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

from .format import Buffer, InnerValue
from .reader import Reader


def read_arguments(parts: Sequence[Buffer], path: str) -> tuple[list[Any], Optional[int]]:
    """
    The arguments as they came, and how many the call has: values of inner refs come behind them. None when there are none.

    :raises CannotTravel: for what Python has nothing for
    """
    reader = Reader(parts)
    return reader.whole(path), reader.first_inner


def filled(arguments: list[Any], count: Optional[int]) -> list[Any]:
    """The arguments of the call. In lists and dicts, values of refs take the places of these."""
    if count is None:
        return arguments
    given = arguments[:count]
    seen: set[int] = set()
    holders: list[Any] = [given]
    while holders:
        holder = holders.pop()
        if id(holder) in seen:
            continue
        seen.add(id(holder))
        for key, part in list(enumerate(holder) if isinstance(holder, list) else holder.items()):
            if isinstance(part, InnerValue):
                holder[key] = arguments[part.index]
            elif isinstance(part, (list, dict)):
                holders.append(part)
    return given
