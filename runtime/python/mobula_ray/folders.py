"""Folders that the processes of a node share: made once, there as a whole or not at all, gone with Ray's session."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# Ray cancels by an interrupt that wakes no system call.
TICK_S = 0.05


def placed(folder: Path, fill: Callable[[str], None]) -> Path:
    """`folder`, with what `fill` puts into the one that it is given. :raises OSError: and what `fill` raises"""
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.parent / f"{folder.name}.lock"):
        if not folder.exists():
            for left in folder.parent.glob(f"{folder.name}.part*"):
                shutil.rmtree(left, ignore_errors=True)
            part = tempfile.mkdtemp(prefix=f"{folder.name}.part", dir=folder.parent)
            fill(part)
            os.chmod(part, 0o755)
            os.rename(part, folder)
    return folder


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with open(path, "w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(TICK_S)
        yield
