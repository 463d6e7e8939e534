"""Placement groups: each is one of Ray's, known by Ray's own id."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Optional

import ray
from ray.util.placement_group import (
    PlacementGroup,
    get_placement_group,
    placement_group,
    placement_group_table,
    remove_placement_group,
)
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from .amounts import UNITS, in_words, ray_name, units, wire_name
from .errors import Missing, dead_actor, wire
from .frames import Message
from .private import can_grow

if TYPE_CHECKING:
    from .host import Host

# Ray decides within milliseconds whether there can be a group; it may have others to decide on first.
VERDICT_WITHIN_S = 2.0
LOOK_AGAIN_S = 0.02
# How often those who wait for a group, and for its end, are told.
PENDING_EVERY_S = 0.1
CREATED_EVERY_S = 1.0
UNDECIDED = ("QUEUED", "SCHEDULING_STARTED")


class Groups:
    def __init__(self, host: Host, send: Callable[[Message], None]) -> None:
        self._host = host
        self._send = send
        self._bundles: dict[str, list[dict[str, float]]] = {}
        # Groups that somebody here waits for or has work in, and how they were when they were looked at last.
        self._states: dict[str, str] = {}
        # Those whose news the peer wants.
        self._watched: set[str] = set()
        self._watcher: Optional[threading.Thread] = None
        # Settle when those have their resources that do not yet.
        self._awaited: dict[str, Any] = {}
        # What was asked of actors that are in a group.
        self._actors: dict[str, Message] = {}
        self.handlers: dict[str, Callable[[Message], None]] = {"watch-group": self._on_watch}
        self.answers: dict[str, Callable[..., Any]] = {
            "createPlacementGroup": self._create,
            "findPlacementGroup": self._find,
            "removePlacementGroup": self._remove,
        }

    def _create(self, spec: Message) -> Future[Any]:
        name: str = spec.get("name") or ""
        if name and self._find(name) is not None:
            raise Missing(name_taken(name))
        bundles = [{ray_name(key): units(key, amount) for key, amount in each.items()} for each in spec["bundles"]]
        problem = why_not(spec["strategy"], bundles)
        if problem is not None:
            self._refuse(name, bundles, problem)
        lifetime = "detached" if spec.get("isDetached") else None
        group = placement_group(bundles, spec["strategy"], name, lifetime)
        told = description(group.id.hex(), name, spec["strategy"], spec["bundles"])
        verdict: Future[Any] = Future()

        def decide() -> None:
            try:
                self._check(group, name, bundles)
                verdict.set_result(told)
            except Exception as problem:
                verdict.set_exception(problem)

        threading.Thread(target=decide, daemon=True).start()
        return verdict

    def _check(self, group: PlacementGroup, name: str, bundles: list[dict[str, float]]) -> None:
        """:raises Missing: when Ray says that the cluster can never have it"""
        deadline = time.monotonic() + VERDICT_WITHIN_S
        while time.monotonic() < deadline:
            about = placement_group_table(group)
            if not about:
                raise Missing(name_taken(name))
            said = about["stats"]["scheduling_state"]
            if about["state"] == "PENDING" and said == "INFEASIBLE":
                try:
                    self._refuse(name, bundles, "the nodes cannot have its bundles in this way")
                except Missing:
                    remove_placement_group(group)
                    raise
            if about["state"] != "PENDING" or said not in UNDECIDED:
                return
            time.sleep(LOOK_AGAIN_S)

    def _refuse(self, name: str, bundles: list[dict[str, float]], problem: str) -> None:
        """Unless an autoscaler may help. :raises Missing:"""
        what = f"placement group {name}" if name else "placement group"
        if can_grow():
            self._say(f"The {what} waits for nodes: {problem}.\n")
            return
        text = f"'{what}' needs {in_words(total_of(bundles))}, but {problem}."
        raise Missing(wire("UNSCHEDULABLE", f"{text} Ask for less, or start a cluster that has it."))

    def _say(self, text: str) -> None:
        self._host.post(lambda: self._host.print(text))

    def _find(self, name: str) -> Optional[Message]:
        try:
            about = placement_group_table(get_placement_group(name))
        except ValueError:
            return None
        if state_in(about) == "removed":
            return None
        bundles = [
            {wire_name(key): amount if key == "memory" else round(amount * UNITS) for key, amount in bundle.items()}
            for bundle in bundles_in(about)
        ]
        return description(about["placement_group_id"], name, about["strategy"], bundles)

    def _remove(self, group_id: str) -> None:
        group = group_of(group_id)
        if group is None or state_in(placement_group_table(group)) == "removed":
            return
        remove_placement_group(group)
        self._changed(group_id, "removed")

    # ── work in groups ───────────────────────────────────────────────────────────────────────────────────────────────

    def options(self, spec: Message) -> Message:
        """Those of Ray's that put a task or an actor into its group. :raises Missing: when it can never run there"""
        placement = spec.get("placement")
        if placement is None:
            return {}
        group_id: str = placement["groupId"]
        group = group_of(group_id)
        bundles = self._bundles.get(group_id)
        if bundles is None and group is not None:
            about = placement_group_table(group)
            bundles = self._bundles[group_id] = bundles_in(about)
            self._follow(group_id, state_in(about))
        # Ray would let it wait for ever.
        if bundles is None or group is None or self._states.get(group_id) == "removed":
            raise Missing(removed(spec))
        index = placement.get("bundleIndex", -1)
        check_fits(spec, bundles if index < 0 else bundles[index : index + 1])
        # With its bundles, or Ray asks for them.
        known = PlacementGroup(group.id, bundles)
        return {"scheduling_strategy": PlacementGroupSchedulingStrategy(known, index)}

    def joined(self, actor_id: str, spec: Message) -> None:
        if spec.get("placement") is not None:
            self._actors[actor_id] = spec

    def ended(self, spec: Message) -> Optional[Message]:
        """Why work failed, when it is because its group was removed. :param spec: of a task, or of an actor's call"""
        actor = self._actors.get(spec.get("actorId") or "")
        placed = spec if actor is None else actor
        if placed.get("placement") is None:
            return None
        group = group_of(placed["placement"]["groupId"])
        if group is not None and state_in(placement_group_table(group)) != "removed":
            return None
        if actor is None:
            return removed(spec)
        return dead_actor(actor["className"], f"its placement group {group_name(actor)} was removed.")

    # ── watching ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def awaited(self) -> list[Any]:
        """While somebody waits for these, Ray lends the CPU of who waits."""
        return list(self._awaited.values())

    def _on_watch(self, message: Message) -> None:
        group_id: str = message["groupId"]
        group = group_of(group_id)
        self._watched.add(group_id)
        if group is None:
            self._send({"type": "group-state", "groupId": group_id, "state": "removed"})
            return
        self._awaited[group_id] = group.ready()
        if group_id in self._states:
            self._tell(group_id, self._states[group_id])
        else:
            self._follow(group_id, "")

    def _follow(self, group_id: str, state: str) -> None:
        self._states[group_id] = state
        if self._watcher is None or not self._watcher.is_alive():
            self._watcher = threading.Thread(target=self._watch, daemon=True)
            self._watcher.start()

    def _watch(self) -> None:
        while True:
            states = {}
            for group_id, before in list(self._states.items()):
                group = group_of(group_id)
                if before == "removed" or group is None:
                    continue
                try:
                    states[group_id] = state_in(placement_group_table(group))
                except Exception:
                    return  # the cluster is gone, and with it all who wait
            if not states:
                return
            self._host.post(lambda states=states: self._looked(states))  # type: ignore[misc]
            time.sleep(CREATED_EVERY_S if set(states.values()) == {"created"} else PENDING_EVERY_S)

    def _looked(self, states: dict[str, str]) -> None:
        for group_id, state in states.items():
            self._changed(group_id, state)

    def _changed(self, group_id: str, state: str) -> None:
        if self._states.get(group_id) in (state, "removed"):
            return
        self._states[group_id] = state
        self._tell(group_id, state)
        if state == "removed":
            self._host.calls.end_in_group(group_id)

    def _tell(self, group_id: str, state: str) -> None:
        if state != "pending":
            self._awaited.pop(group_id, None)
        if group_id in self._watched and state:
            self._send({"type": "group-state", "groupId": group_id, "state": state})


def group_of(group_id: str) -> Optional[PlacementGroup]:
    """None for an id that is none of Ray's: a group is a plain value, and may be of another cluster."""
    try:
        return PlacementGroup(ray.PlacementGroupID.from_hex(group_id))
    except ValueError:
        return None


def state_in(about: Message) -> str:
    """A PlacementGroupState of messages.ts."""
    state = about.get("state", "REMOVED")
    return {"CREATED": "created", "REMOVED": "removed"}.get(state, "pending")


def bundles_in(about: Message) -> list[dict[str, float]]:
    bundles: dict[int, dict[str, float]] = about.get("bundles") or {}
    return [bundles[index] for index in sorted(bundles)]


def description(group_id: str, name: str, strategy: str, bundles: list[Message]) -> Message:
    about = {"groupId": group_id, "strategy": strategy, "bundles": bundles}
    return {**about, "name": name} if name else about


def check_fits(spec: Message, bundles: list[dict[str, float]]) -> None:
    wanted = {ray_name(key): units(key, amount) for key, amount in (spec.get("resources") or {}).items()}
    if any(all(bundle.get(name, 0) >= amount for name, amount in wanted.items()) for bundle in bundles):
        return
    placement = spec["placement"]
    which = f"bundle {placement['bundleIndex']}" if "bundleIndex" in placement else "no bundle"
    has = " or ".join(in_words(bundle) for bundle in bundles)
    name = spec.get("className") or spec["name"]
    text = f"'{name}' needs {in_words(wanted)}, but {which} of the placement group {group_name(spec)} has it: there is {has}."
    if "bundleIndex" in placement:
        text = f"'{name}' needs {in_words(wanted)}, but {which} of the placement group {group_name(spec)} has {has}."
    raise Missing(wire("UNSCHEDULABLE", f"{text} Ask for less, or make a group with larger bundles."))


def group_name(spec: Message) -> str:
    placement = spec["placement"]
    return f"'{placement.get('groupName') or placement['groupId']}'"


def removed(spec: Message) -> Message:
    name = spec.get("className") or spec["name"]
    text = f"'{name}' ended: its placement group {group_name(spec)} was removed."
    return wire("PLACEMENT_GROUP_REMOVED", f"{text} Make a new group, or wait for its work before remove().")


def name_taken(name: str) -> Message:
    text = f"A second placement group named '{name}' is not supported here."
    return wire("UNSUPPORTED", f'{text} Use the first with placementGroup.get("{name}"), or remove it.')


def total_of(bundles: list[dict[str, float]]) -> dict[str, float]:
    names = {name for bundle in bundles for name in bundle}
    return {name: sum(bundle.get(name, 0) for bundle in bundles) for name in sorted(names)}


def why_not(strategy: str, bundles: list[dict[str, float]]) -> Optional[str]:
    """Why the nodes that there are can never hold the group; None when that is not certain."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    count = "there is 1 node" if len(nodes) == 1 else f"there are {len(nodes)} nodes"
    if strategy == "STRICT_SPREAD" and len(bundles) > len(nodes):
        return f"STRICT_SPREAD puts each of its {len(bundles)} bundles on another node, and {count}"
    total = total_of(bundles)
    for each in [total] if strategy == "STRICT_PACK" else bundles:
        if not any(all(node.get(name, 0) >= amount for name, amount in each.items()) for node in nodes):
            most = {name: max((node.get(name, 0) for node in nodes), default=0) for name in each}
            return f"no node has more than {in_words(most)}"
    all_nodes = {name: sum(node.get(name, 0) for node in nodes) for name in total}
    if any(total[name] > amount for name, amount in all_nodes.items()):
        return f"{count} with {in_words(all_nodes)} in all"
    return None
