"""Finds what a call names, and calls it."""

from __future__ import annotations

import asyncio
import difflib
import importlib
import inspect
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from types import ModuleType
from typing import Any, Optional

from .format import Kwargs

# When the file of a module was written that calls have named, as it was loaded.
_written: dict[str, float] = {}
_loop: Optional[asyncio.AbstractEventLoop] = None
# Of the calls of all threads, once there are several.
_shared_loop: Optional[asyncio.AbstractEventLoop] = None


def look_in(folder: str) -> None:
    """Modules are found in this folder before others."""
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path.insert(0, folder)


def find(reference: str) -> Callable[..., Any]:
    """
    What `module:name` names; a dotted name goes into classes. A module whose file was written since is loaded again.

    :raises ModuleNotFoundError, AttributeError: that say what to do
    """
    module_name, _, path = reference.partition(":")
    found: Any = _module(module_name)
    for name in path.split("."):
        if not hasattr(found, name):
            raise AttributeError(_no_such_name(module_name, name, found))
        found = getattr(found, name)
    if not callable(found):
        raise TypeError(f"'{reference}' is a {type(found).__name__}, which cannot be called.")
    return found  # type: ignore[no-any-return]


def _module(name: str) -> ModuleType:
    if name not in sys.modules:
        # Its file may have been written a moment ago.
        importlib.invalidate_caches()
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as problem:
        # A module that the user's module lacks says itself what is missing.
        if problem.name is None or not (name == problem.name or name.startswith(f"{problem.name}.")):
            raise
        raise ModuleNotFoundError(_no_such_module(name), name=problem.name) from None
    path = getattr(module, "__file__", None)
    if path is None or "site-packages" in path or path.startswith(sys.base_prefix):
        return module
    try:
        written = os.stat(path).st_mtime
    except OSError:
        return module
    if _written.setdefault(name, written) != written:
        _written[name] = written
        return importlib.reload(module)
    return module


def _no_such_module(name: str) -> str:
    folders = [folder for folder in sys.path if os.path.isdir(folder) and not folder.startswith(sys.base_prefix)]
    places = ", ".join(folders[:4]) or "its standard library only"
    return (
        f"Python has no module '{name}' where this runs: put {name.split('.')[0]}.py into the folder of the notebook or program, "
        "name its folder in PYTHONPATH or, for a Ray cluster, in runtimeEnv: { workingDir }, or install it for "
        f"{sys.executable} (looked in {places})."
    )


def _no_such_name(module: str, name: str, owner: object) -> str:
    near = difflib.get_close_matches(name, [each for each in dir(owner) if not each.startswith("_")], n=1)
    meant = f" (did you mean '{near[0]}'?)" if near else ""
    return f"The Python module '{module}' has no '{name}'{meant}: correct the name, or define it there."


def method(instance: object, name: str) -> Callable[..., Any]:
    """
    A method of an actor.

    :raises AttributeError: that says which there are
    """
    found = None if name.startswith("_") else getattr(instance, name, None)
    if callable(found):
        return found  # type: ignore[no-any-return]
    names = ", ".join(each for each in dir(instance) if not each.startswith("_") and callable(getattr(instance, each)))
    raise AttributeError(f"Actor '{type(instance).__name__}' has no method '{name}': it has {names or 'none'}.")


def call(function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    """Its result, awaited where it is a coroutine's."""
    *given, last = arguments or [None]
    result = function(*given, **last) if isinstance(last, Kwargs) else function(*arguments)
    if inspect.isawaitable(result):
        return _wait_for(_awaited(result))
    return result


def stream(function: Callable[..., Any], arguments: Sequence[Any]) -> Iterator[Any]:
    """The items of a generator, of either kind, or of anything that can be iterated over."""
    made = call(function, arguments)
    if hasattr(made, "__aiter__"):
        return _items(made.__aiter__())
    try:
        return iter(made)
    except TypeError:
        text = f"it returned a {type(made).__name__}, which has no items: leave out {{ streaming }}, or yield in it."
        raise TypeError(text) from None


def _items(made: Any) -> Iterator[Any]:
    end = object()

    async def following() -> Any:
        try:
            return await made.__anext__()
        except StopAsyncIteration:
            return end

    while (item := _wait_for(following())) is not end:
        yield item


def share_loop() -> None:
    """From now on calls come in several threads: their coroutines run in one event loop, in a thread of its own."""
    global _shared_loop
    if _shared_loop is None:
        _shared_loop = asyncio.new_event_loop()
        threading.Thread(target=_shared_loop.run_forever, daemon=True, name="mobula-loop").start()


def _wait_for(coroutine: Coroutine[Any, Any, Any]) -> Any:
    if _shared_loop is not None:
        return asyncio.run_coroutine_threadsafe(coroutine, _shared_loop).result()
    return _event_loop().run_until_complete(coroutine)


async def _awaited(result: Awaitable[Any]) -> Any:
    return await result


def _event_loop() -> asyncio.AbstractEventLoop:
    """One for all calls: what a call leaves running goes on with the next."""
    global _loop
    if _loop is None or _loop.is_closed():
        _loop = asyncio.new_event_loop()
        asyncio.set_event_loop(_loop)
    return _loop
