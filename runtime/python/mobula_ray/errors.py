"""Failures as the drivers' errors: plain data as in `runtime/src/protocol/wire-error.ts`."""

from __future__ import annotations

from typing import Any, Optional

from ray import exceptions

Wire = dict[str, Any]

NAMES = {
    "WORKER_CRASHED": "WorkerCrashedError",
    "ACTOR_DIED": "ActorDiedError",
    "ACTOR_UNAVAILABLE": "ActorUnavailableError",
    "OUT_OF_MEMORY": "OutOfMemoryError",
    "TASK_CANCELLED": "TaskCancelledError",
    "OBJECT_LOST": "ObjectLostError",
    "OBJECT_STORE_FULL": "ObjectStoreFullError",
    "RUNTIME_ENV_SETUP": "RuntimeEnvError",
    "UNSCHEDULABLE": "UnschedulableError",
    "PLACEMENT_GROUP_REMOVED": "PlacementGroupRemovedError",
    "ENGINE_CLOSED": "EngineClosedError",
    "UNSUPPORTED": "UnsupportedError",
}


def wire(code: str, message: str) -> Wire:
    return {"name": NAMES[code], "code": code, "message": message}


class UserError(Exception):
    """User code threw, or was stopped. `wire` is the driver's error, made beside the code."""

    def __init__(self, wire: Wire, thrown: Wire, class_names: list[str]) -> None:
        super().__init__(wire, thrown, class_names)
        self.wire = wire
        self.thrown = thrown
        self.class_names = class_names

    def __str__(self) -> str:
        return str(self.wire.get("message", "user code failed"))


class ChildDied(Exception):
    """The Node process ended while it ran user code. Ray runs the task again while it has retries."""


class NodeMissing(Exception):
    """This machine has no Node that can run tasks."""


class Missing(Exception):
    """A value needs an object that there is not. `error` is the driver's."""

    def __init__(self, error: Wire) -> None:
        super().__init__(error["message"])
        self.error = error


def user_error(error: BaseException) -> Optional[UserError]:
    cause = getattr(error, "cause", None) if isinstance(error, exceptions.RayTaskError) else error
    return cause if isinstance(cause, UserError) else None


def to_wire(error: BaseException, name: str, reason: Optional[str] = None) -> Wire:
    """
    The driver's error for what a task `name` failed with.

    :param reason: why it was cancelled, if the driver said so
    """
    user = user_error(error)
    if user is not None:
        return user.wire
    cause = getattr(error, "cause", None) if isinstance(error, exceptions.RayTaskError) else error
    if isinstance(cause, NodeMissing):
        return wire("RUNTIME_ENV_SETUP", f"The runtimeEnv cannot be set up. {cause}")
    if isinstance(error, exceptions.TaskCancelledError) or isinstance(cause, exceptions.TaskCancelledError):
        return wire("TASK_CANCELLED", f"Task '{name}' was cancelled: {reason or 'cancel() was called'}.")
    if isinstance(error, exceptions.ActorUnavailableError):
        actor = name.split(".")[0]
        text = f"Actor '{actor}' lost its process during '{name}', and is started again."
        return wire("ACTOR_UNAVAILABLE", f"{text} Call again, or set {{ maxTaskRetries }} to have calls repeated.")
    if isinstance(error, exceptions.RayActorError):
        return dead_actor(name.split(".")[0], last_line(error))
    if isinstance(error, (exceptions.TaskUnschedulableError, exceptions.ActorUnschedulableError)):
        text = f"'{name.split('.')[0]}' can run nowhere: {first_line(error)}"
        return wire("UNSCHEDULABLE", f"{text} Ask for less, or for another node.")
    if isinstance(error, exceptions.OutOfMemoryError):
        return wire("OUT_OF_MEMORY", f"Task '{name}' was ended because memory ran short: {first_line(error)}")
    if isinstance(cause, ChildDied) or isinstance(error, (exceptions.WorkerCrashedError, exceptions.NodeDiedError)):
        return wire("WORKER_CRASHED", crashed(name, first_line(cause)))
    if isinstance(error, exceptions.ObjectLostError):
        return lost(f"what '{name}' needs or gave", error)
    if isinstance(error, exceptions.ObjectStoreFullError):
        return wire("OBJECT_STORE_FULL", f"The object store has no room for '{name}': {first_line(error)}")
    if isinstance(error, exceptions.RuntimeEnvSetupError):
        return wire("RUNTIME_ENV_SETUP", f"The runtimeEnv cannot be set up. {first_line(error)}")
    return {"name": type(error).__name__, "message": f"Ray failed '{name}': {error}"}


def lost(what: str, error: exceptions.ObjectLostError, place: Optional[str] = None) -> Wire:
    """:param place: in the user's code, where it was stored by put()"""
    if isinstance(error, exceptions.OwnerDiedError):
        reason = "the process that made it has ended"
    elif isinstance(error, exceptions.ObjectFreedError):
        reason = "it was given up"
    else:
        reason = "no node has it any more"
    if place is not None:
        reason = f"{reason}, and it cannot be made again: it was stored by put() in {place}"
    return wire("OBJECT_LOST", f"{what} is lost: {reason}. Run the task or put() that made it again.")


def crashed(name: str, reason: str) -> str:
    return (
        f"The worker that ran '{name}' ended: {reason}. If it used too much memory, give it less data at once or set "
        "{ memoryBytes }; set { retries } to run it again."
    )


def dead_actor(name: str, reason: str) -> Wire:
    text = f"Actor '{name}' is dead: {reason} Make a new one, or set {{ maxRestarts }} to have it started again."
    return wire("ACTOR_DIED", text)


def last_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__


def first_line(error: Optional[BaseException]) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__
