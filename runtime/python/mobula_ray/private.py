"""What Ray has no public way for. Each part is looked for when it is used, and does without when it is not there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def on_worker_output(listener: Callable[[dict[str, Any]], None]) -> bool:
    """
    Call `listener` with the lines that workers of this job print (`lines`, `is_err`, `pid`, `task_name`), from a thread of
    Ray's, instead of printing them here. False when this version of Ray has no such place.
    """
    try:
        from ray._private.ray_logging import global_worker_stdstream_dispatcher as dispatcher

        dispatcher.remove_handler("ray_print_logs")
        dispatcher.add_handler("mobula", listener)
    except (ImportError, AttributeError):
        return False
    return True


def attempt_number() -> int:
    """How often the task that runs here has been run before; 0 when this version of Ray does not say."""
    try:
        from ray._private import worker

        here: Any = worker.global_worker
        return int(here.core_worker.get_current_task_attempt_number())
    except (ImportError, AttributeError):
        return 0
