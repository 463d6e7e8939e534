"""What Ray has no public way for. Each part is looked for when it is used, and does without when it is not there."""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

import ray
from ray.exceptions import ObjectRefStreamEndOfStreamError, RayError, RayTaskError


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


class Settled:
    """What Ray gives for a ref, as one of its futures."""

    def __init__(self, given: Any) -> None:
        self._given = given

    def exception(self) -> Optional[BaseException]:
        if isinstance(self._given, RayTaskError):
            error: BaseException = self._given.as_instanceof_cause()
            return error
        return self._given if isinstance(self._given, RayError) else None

    def result(self) -> Any:
        return self._given


def when_settled(ref: Any, act: Callable[[Any], None]) -> None:
    """Call `act` with the future of `ref` when it is done, on a thread of Ray's. Somebody has to hold the ref until then."""
    listen = getattr(ref, "_on_completed", None)
    if listen is None:
        ref.future().add_done_callback(act)
    else:
        # Without the locks of a future, a third of the time.
        listen(lambda given: act(Settled(given)))


def attempt_number() -> int:
    """How often the task that runs here has been run before; 0 when this version of Ray does not say."""
    try:
        from ray._private import worker

        here: Any = worker.global_worker
        return int(here.core_worker.get_current_task_attempt_number())
    except (ImportError, AttributeError):
        return 0


def task_id() -> Optional[str]:
    """Of the task that runs here, as Ray lists it; None when this version of Ray does not say."""
    try:
        return ray.get_runtime_context().get_task_id()
    except (AttributeError, AssertionError, RuntimeError):
        return None


def this_run() -> dict[str, Any]:
    """What Ray knows of the run that is here, as its order has it."""
    ray_task = task_id()
    return {"attempt": attempt_number(), **({} if ray_task is None else {"rayTask": ray_task})}


def restarts() -> int:
    """How often the actor that runs here has been started again; 0 or 1 when this version of Ray does not say."""
    context = ray.get_runtime_context()
    try:
        from ray._private.state import actors

        return int(actors(actor_id=context.get_actor_id())["NumRestarts"])
    except (ImportError, AttributeError, KeyError, TypeError):
        return int(bool(context.was_current_actor_reconstructed))


def stream_options(window: int) -> dict[str, Any]:
    """Of a call that gives items: how many may wait for their reader. Without limit when this version of Ray knows none."""
    limit = {"_generator_backpressure_num_objects": window}
    try:
        from ray._common.ray_option_utils import task_options

        known = limit.keys() <= task_options.keys()
    except ImportError:
        known = False
    return {"num_returns": "streaming", **(limit if known else {})}


def coming_item(items: Any) -> Any:
    """The ref that the next item of a streaming call will have; once it is settled, `take_item` takes it."""
    ref, _ = items.worker.core_worker.peek_object_ref_stream(items.completed())
    return ref


def take_item(items: Any) -> Any:
    """None when there is none. Ray's `next(items)` would wait then."""
    try:
        return items.worker.core_worker.try_read_next_object_ref_stream(items.completed())
    except ObjectRefStreamEndOfStreamError:
        return None


def is_cancelled() -> bool:
    """Whether the call of an actor that runs here was cancelled: Ray interrupts tasks only."""
    try:
        return bool(ray.get_runtime_context().is_canceled())
    except (AttributeError, RuntimeError):
        return False


def remember(key: str, value: bytes) -> None:
    """Keep a few bytes in the cluster, for every driver."""
    from ray.experimental import internal_kv

    internal_kv._internal_kv_put(key, value, namespace="mobula")


def recall(key: str) -> Optional[bytes]:
    from ray.experimental import internal_kv

    found: Optional[bytes] = internal_kv._internal_kv_get(key, namespace="mobula")
    return found


def wait_for_restart(actor: Any, before: int, *, within_s: float = 60.0) -> int:
    """Until an actor that had been started again `before` times lives again, or is dead. Returns how often it was now."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            from ray._private.state import actors

            about = actors(actor_id=actor._actor_id.hex())
            restarts = int(about["NumRestarts"])
            if about["State"] == "DEAD" or (about["State"] == "ALIVE" and restarts > before):
                return restarts
        except (ImportError, AttributeError, KeyError, TypeError):
            return before
        time.sleep(0.1)
    return before


def session_folder() -> Path:
    """Where this cluster keeps its files on this machine; the folder for temporary ones when Ray does not say."""
    try:
        from ray._private import worker

        node: Any = worker._global_node
        return Path(node.get_session_dir_path())
    except (ImportError, AttributeError):
        return Path(tempfile.gettempdir())


def free_by_node() -> dict[str, dict[str, float]]:
    """What no work holds, by node; nothing when this version of Ray does not say."""
    try:
        from ray._private.state import available_resources_per_node

        free: dict[str, dict[str, float]] = available_resources_per_node()
        return free
    except (ImportError, AttributeError):
        return {}


def job_of(driver: dict[str, Any]) -> Any:
    """
    What `ray.init` is told of the job that a session is: by itself it would be a part of the hub's, and Ray would list only
    one of them.
    """
    from ray.job_config import JobConfig

    name = "RAY_JOB_CONFIG_JSON_ENV_VAR"
    of_hub = json.loads(os.environ.get(name) or "{}")
    os.environ[name] = json.dumps({**of_hub, "metadata": {}})
    about = {"mobula": "driver", "host": str(driver.get("host")), "pid": str(driver.get("pid")), "client": str(driver.get("clientId"))}
    return JobConfig(metadata={**about, **({"name": str(driver["name"])} if driver.get("name") else {})})


def dashboard_address() -> str:
    """`host:port` of the dashboard of the cluster that this job runs on; the usual one when Ray does not say."""
    try:
        from ray.dashboard.utils import ray_address_to_api_server_url

        return ray_address_to_api_server_url(os.environ.get("RAY_ADDRESS")).removeprefix("http://")
    except (ImportError, AttributeError, ValueError):
        return "127.0.0.1:8265"


def can_grow() -> bool:
    """May an autoscaler add nodes?"""
    try:
        from ray._private.ray_constants import DEBUG_AUTOSCALING_STATUS
        from ray.autoscaler.v2.utils import is_autoscaler_v2
        from ray.experimental import internal_kv

        if is_autoscaler_v2():
            return True
        said = internal_kv._internal_kv_get(DEBUG_AUTOSCALING_STATUS)
        report = {} if said is None else json.loads(said).get("autoscaler_report") or {}
    except (ImportError, AttributeError, ValueError):
        return False
    # Without an autoscaler each node is a type of its own, named by its id.
    kinds = {**(report.get("active_nodes") or {}), **(report.get("idle_nodes") or {})}
    return any(re.fullmatch(r"node_[0-9a-f]+", kind) is None for kind in kinds)
