"""Environments of tasks and actors: the folders that their driver has sent, unpacked once on each node."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import ray

from . import values
from .entries import Entry
from .errors import Missing, wire
from .folders import placed
from .frames import Message, pack, unpack
from .private import session_folder

if TYPE_CHECKING:
    from .host import Host

def needs(host: Host, spec: Message) -> list[Entry]:
    """The archives of the folders that an environment names; or why there cannot be such an environment."""
    environment = spec.get("environment") or {}
    if "problem" in environment:
        return [Entry("environment", error=wire("RUNTIME_ENV_SETUP", environment["problem"]))]
    return host.entries([folder["id"] for folder in environment.get("folders") or []])


def is_prepared(environment: Message) -> bool:
    """Is there more to it than variables, which Ray sets?"""
    return bool(environment.get("folders") or environment.get("npm"))


def order(about: Message, spec: Message, archives: Sequence[Entry]) -> Any:
    """What a worker is told, with the archives beside; they are not opened before it wants them."""
    environment = spec.get("environment") or {}
    if not is_prepared(environment):
        return pack(about)
    return (pack({**about, "environment": environment}), [archive.ref for archive in archives])


def opened_order(told: Any) -> tuple[Message, Message, Sequence[Any]]:
    """The order itself, its environment if that has to be prepared, and the archives of that."""
    packed, archives = told if isinstance(told, tuple) else (told, [])
    about = unpack(packed)
    return about, about.pop("environment", {}), archives


def variables(spec: Message) -> dict[str, str]:
    """Those of its processes; Ray gives work with others another process."""
    environment = spec.get("environment") or {}
    own: dict[str, str] = environment.get("envVars") or {}
    return {**own, "MOBULA_ENVIRONMENT": environment["id"]} if is_prepared(environment) else own


def entered(environment: Message, archives: Sequence[Any]) -> Message:
    """The environment with its folders where they are on this node. :raises Missing: when they cannot be had"""
    prepared: Message = {key: value for key, value in environment.items() if key != "folders"}
    specs = list((environment.get("npm") or {}).get("specs") or [])
    folders = []
    for folder, ref in zip(environment.get("folders") or [], archives):
        place = os.path.join(unpacked(folder["hash"], ref), folder.get("file") or "").rstrip("/")
        folders.append({**folder, "path": place})
        package = folder.get("package")
        if package is None:
            prepared["workingDir"] = place
        else:
            specs[package["specIndex"]] = package["prefix"] + place
    if specs:
        prepared["npm"] = {**prepared["npm"], "specs": specs}
    return {**prepared, "folders": folders}


def unpacked(content: str, ref: Any) -> str:
    """The folder of that content, which all tasks of this node share."""
    try:
        return str(placed(session_folder() / "mobula_folders" / content, lambda part: extract(part, ref)))
    except (OSError, zipfile.BadZipFile, ray.exceptions.RayError) as problem:
        text = f"The node {os.uname().nodename} cannot unpack the folder that was sent to it: {problem}"
        raise Missing(wire("RUNTIME_ENV_SETUP", f"The runtimeEnv cannot be set up. {text}")) from problem


def extract(folder: str, ref: Any) -> None:
    parts, _, _ = values.opened(ray.get(ref))
    with zipfile.ZipFile(io.BytesIO(parts[0])) as archive:
        archive.extractall(folder)
