"""Actors: each is an actor of Ray's, with a Node process of its own that holds the TypeScript object."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Optional

import ray

from ray.exceptions import ActorAlreadyExistsError, RayActorError

from . import environments, private, python_calls, scheduling, values
from .amounts import requirements
from .calls import about_call
from .entries import Entry, Line, check, problem_of, sealed
from .errors import dead_actor
from .frames import Message, pack, unpack
from .private import stream_options
from .shim import actor_class

if TYPE_CHECKING:
    from .host import Host


class Actors:
    def __init__(self, host: Host) -> None:
        self._host = host
        self._lines: dict[str, Line] = {}
        # The concurrency group of each method that is in one.
        self._groups: dict[str, dict[str, str]] = {}
        # How often each was started again, as far as anybody here noticed.
        self._restarts: dict[str, int] = {}
        # Ray knows their names a little longer.
        self._killed: set[str] = set()
        self.handlers: dict[str, Callable[[Message], None]] = {
            "create-actor": self._create,
            "call-actor": self._call,
            "know-actor": lambda message: self._know(message["description"]),
            "kill-actor": self._kill,
        }
        self.answers: dict[str, Callable[..., Any]] = {
            "findActor": self._find,
            "listActors": self._list,
            "endActor": self._end,
        }

    def _create(self, message: Message) -> None:
        spec: Message = message["spec"]
        host = self._host
        entry = host.made(message["id"])
        code = host.code(message["codeId"])
        refs = host.entries([ref["id"] for ref in spec.get("refs") or []])
        inside = host.entries(values.inside(message["args"]))
        archives = environments.needs(host, spec)
        needed = [*code.needs(), *refs, *inside, *archives]
        about: Message = {
            "actorId": entry.id,
            "codeId": message["codeId"],
            "name": spec["className"],
            "depth": spec.get("depth") or 0,
            "resources": spec.get("resources") or {},
            "indexes": [ref["index"] for ref in spec.get("refs") or []],
        }
        for key in ("execution", "job", "onRestart", "maxConcurrency", "groups"):
            if spec.get(key) is not None:
                about[key] = spec[key]
        if spec.get("name") is not None:
            about["actorName"] = spec["name"]
        if code.inline is not None:
            about["code"] = code.inline
        told = description(entry.id, spec)
        self._know(told)
        host.groups.joined(entry.id, spec)
        if (spec.get("scheduling") or {}).get("node") is not None:
            host.calls.bound_actors[entry.id] = spec

        def make(parts: list[Any]) -> None:
            try:
                check(needed)
                arguments = sealed(parts, inside)
                is_there = spec.get("isGetIfExists") and self._find(spec["name"], spec.get("namespace")) is not None
                order = environments.order(about, spec, archives)
                made = self._options(spec, message["codeId"]).remote(order, arguments, code.ref(), *(ref.ref for ref in refs))
                if spec.get("name") is not None and not is_there:
                    private.remember(key_of(spec.get("namespace"), spec["name"]), pack(told))
                entry.resolve(made)
            except ActorAlreadyExistsError:
                reason = f"the name '{spec['name']}' is taken by an actor that lives; use {{ getIfExists }}, or another name."
                entry.resolve(None, dead_actor(spec["className"], reason))
            except Exception as problem:
                entry.resolve(None, problem_of(problem, spec["className"]))

        host.whole(message["args"], lambda parts: host.when_refs(needed, lambda: make(parts)))

    def _know(self, about: Message) -> None:
        if about.get("groupOf"):
            self._groups[about["actorId"]] = about["groupOf"]

    def _options(self, spec: Message, code_id: str) -> Any:
        named: Message = {}
        if spec.get("name") is not None:
            named = {"name": spec["name"], "namespace": space_of(spec.get("namespace"))}
            named["get_if_exists"] = bool(spec.get("isGetIfExists"))
            if spec.get("lifetime") == "detached":
                named["lifetime"] = "detached"
        groups = {group["name"]: group["maxConcurrency"] for group in spec.get("groups") or []}
        restarts = {"max_restarts": spec["maxRestarts"], "max_task_retries": spec["maxTaskRetries"]}
        if python_calls.is_python(code_id):
            made = python_calls.actor_class(spec["className"], spec["maxConcurrency"])
        else:
            made = actor_class(spec["className"], spec["maxConcurrency"], groups)
        if spec.get("placement") is None:
            self._host.calls.warn_of_size(spec)
        placed = {**self._host.groups.options(spec), **scheduling.options(spec)}
        return made.options(**named, **restarts, **requirements(spec), **placed)

    def _call(self, message: Message) -> None:
        spec: Message = message["spec"]
        [actor] = self._host.entries([spec["actorId"]])
        about = {**about_call(message), "method": spec["method"]}
        stream = self._host.calls.stream_of(message)
        line = self._lines.setdefault(actor.id, Line())
        # Ray takes its time to end the process, and would run the call meanwhile.
        is_killed = actor.id in self._killed

        def start(arguments: Any, refs: Sequence[Any]) -> list[Any]:
            if is_killed:
                raise RayActorError(error_msg="It was killed.")
            group = self._groups.get(actor.id, {}).get(spec["method"])
            beside = {} if group is None else {"concurrency_group": group}
            if stream is None:
                method = actor.ref.call.options(name=spec["name"], **beside)
                return [method.remote(pack(about), arguments, *refs)]
            method = actor.ref.call_stream.options(name=spec["name"], **stream_options(stream.in_ray), **beside)
            return [method.remote(pack({**about, **stream.order()}), arguments, *refs)]

        self._host.calls.submit(message, start, [actor], stream=stream, line=line)

    def lost_its_process(self, actor_id: str) -> None:
        """Ray fails what is called before it has noticed: later calls wait until the actor is there again, or dead."""
        actor = self._host.known(actor_id)
        line = self._lines.get(actor_id)
        if actor is None or actor.ref is None or line is None:
            return
        go_on = line.hold()
        before = self._restarts.get(actor_id, 0)

        def watch() -> None:
            restarts = private.wait_for_restart(actor.ref, before)
            self._host.post(lambda: back(restarts))

        def back(restarts: int) -> None:
            self._restarts[actor_id] = restarts
            go_on()

        threading.Thread(target=watch, daemon=True).start()

    def _kill(self, message: Message) -> None:
        [actor] = self._host.entries([message["actorId"]])
        if not message["isRestartable"]:
            self._killed.add(actor.id)
        self._host.when_refs([actor], lambda: self._kill_now(actor, bool(message["isRestartable"])))

    def _kill_now(self, actor: Entry, is_restartable: bool) -> None:
        if actor.ref is not None:
            ray.kill(actor.ref, no_restart=not is_restartable)

    def _find(self, name: str, namespace: Optional[str]) -> Optional[Message]:
        about = self._about(name, namespace)
        if about is None:
            return None
        try:
            handle = ray.get_actor(name, namespace=space_of(namespace))
        except ValueError:
            return None
        self._host.adopt([about["actorId"]], [handle])
        self._know(about)
        return about

    def _list(self, namespace: Optional[str]) -> list[str]:
        actors = ray.util.list_named_actors(all_namespaces=True)
        names = (actor["name"] for actor in actors if actor["namespace"] == space_of(namespace))
        return sorted(name for name in names if self._about(name, namespace) is not None)

    def _about(self, name: str, namespace: Optional[str]) -> Optional[Message]:
        stored = private.recall(key_of(namespace, name))
        about: Optional[Message] = None if stored is None else unpack(stored)
        return None if about is None or about["actorId"] in self._killed else about

    def _end(self, actor_id: str) -> Any:
        [actor] = self._host.entries([actor_id])
        return None if actor.ref is None else actor.ref.__ray_terminate__.remote()


def description(actor_id: str, spec: Message) -> Message:
    """An ActorDescription of messages.ts."""
    keys = ("className", "maxTaskRetries", "methods", "streamMethods", "name", "maxPendingCalls")
    groups = {method: group["name"] for group in spec.get("groups") or [] for method in group["methods"]}
    about = {"actorId": actor_id, **{key: spec[key] for key in keys if spec.get(key) is not None}}
    return {**about, "groupOf": groups} if groups else about


def space_of(namespace: Optional[str]) -> str:
    """Apart from the actors of Python programs, which TypeScript cannot call."""
    return f"mobula-{namespace or 'default'}"


def key_of(namespace: Optional[str], name: str) -> str:
    return f"actor/{space_of(namespace)}/{name}"
