"""
Tells in what code Node processes of this cluster are. The dashboard, which is all that a command needs, reaches none of them;
so this runs as a job for a moment, which asks the sockets on its own node, and by a task those on each other one. A process
answers while its code spins.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Optional

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from .private import session_folder

MARK = "MOBULA_STACKS "
# The path of a socket may have no more characters.
LONGEST_PATH = 107
PREFIX_LENGTH = 16
ANSWER_WITHIN_S = 3.0
NODES_WITHIN_S = 30.0
# A process takes less between having its socket and listening there.
STARTING_S = 10.0
# Ray's own work goes by such names, and no list of ours shows it.
TASK_NAME = "_ray_internal_mobula_stack"


def socket_path(worker_id: str) -> Optional[Path]:
    """Where the Node process beside a worker answers. None when that would be too long."""
    # In Ray's folder of sockets: it goes with the cluster, and others may not write there.
    path = session_folder() / "sockets" / f"m{worker_id[:PREFIX_LENGTH]}"
    return path if len(bytes(path)) <= LONGEST_PATH else None


def own_socket() -> Optional[str]:
    """Of the Node process beside the worker that this is. Those of processes that were killed are removed."""
    path = socket_path(ray.get_runtime_context().get_worker_id())
    if path is None:
        return None
    try:
        for other in path.parent.glob("m" + "[0-9a-f]" * PREFIX_LENGTH):
            remove_if_dead(other)
    except OSError:
        pass  # somebody else was faster
    return str(path)


def remove_if_dead(path: Path) -> None:
    if time.time() - path.stat().st_mtime < STARTING_S:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.setblocking(False)
            connection.connect(str(path))
    except ConnectionRefusedError:
        path.unlink(missing_ok=True)
    except BlockingIOError:
        pass  # it is busy


def ask_here(worker_ids: list[str]) -> dict[str, Any]:
    """The frames that Node processes on this node are in, by worker; None for one that does not answer."""
    with ThreadPoolExecutor(max_workers=16) as pool:
        answers = zip(worker_ids, pool.map(ask, worker_ids))
        return {worker_id: answer[0] for worker_id, answer in answers if answer is not None}


def ask(worker_id: str) -> Optional[tuple[Optional[list[Any]]]]:
    """None when no Node process of that worker runs on this node."""
    path = socket_path(worker_id)
    if path is None:
        return None
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(ANSWER_WITHIN_S)
            connection.connect(str(path))
            connection.sendall(b"?")
            text = b"".join(iter(lambda: connection.recv(65536), b""))
        return (json.loads(text),)
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except (OSError, ValueError):
        return (None,)


def main(worker_ids: list[str]) -> None:
    ray.init(log_to_driver=False)
    task: Any = ray.remote(num_cpus=0, max_retries=0)(ask_here)
    own = ray.get_runtime_context().get_node_id()
    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"] and node["NodeID"] != own]
    refs = [
        task.options(name=TASK_NAME, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote(worker_ids)
        for node in nodes
    ]
    found = ask_here(worker_ids)
    ready, _ = ray.wait(refs, num_returns=len(refs), timeout=NODES_WITHIN_S) if refs else ([], [])
    for ref in ready:
        try:
            found.update(ray.get(ref))
        except ray.exceptions.RayError:
            pass  # its node has gone
    print(MARK + json.dumps(found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
