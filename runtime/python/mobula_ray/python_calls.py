"""
Calls to Python on Ray's workers: the function runs in the worker itself, without a Node process beside. Values come and go as
those of all calls do, so that TypeScript reads what Python has made and the other way round.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any, Optional

import ray
from mobula_python import errors, functions
from mobula_python.arguments import filled, read_arguments
from mobula_python.reader import read
from mobula_python.writer import write
from ray.exceptions import TaskCancelledError

from . import marks, values
from .environments import entered, opened_order
from .errors import Missing, UserError, dead_actor, wire
from .frames import Message, unpack
from .private import is_cancelled, task_id

# Begins the id of such code; see `api/python.ts`.
MARK = "python:"
TICK_S = 0.1

# The environment that this worker is in; Ray gives work of others other workers.
_environment: Optional[str] = None


def is_python(code_id: str) -> bool:
    return code_id.startswith(MARK)


def run_task(call: Message, environment: Message, archives: Sequence[Any], given: Any, resolved: Sequence[Any]) -> Any:
    """:raises UserError: for what the user's function raises"""
    _enter(environment, archives)
    with _telling(call), _stoppable(call):
        function = functions.find(reference_of(call["codeId"]))
        result = functions.call(function, _arguments(call, given, resolved))
        return _sealed(result) if "numReturns" not in call else _sealed_each(call, result)


def stream_task(
    call: Message, environment: Message, archives: Sequence[Any], given: Any, resolved: Sequence[Any]
) -> Iterator[Any]:
    """As `run_task`, for the items of a generator; those that an earlier run has given are left out."""
    _enter(environment, archives)
    with _telling(call), _stoppable(call):
        function = functions.find(reference_of(call["codeId"]))
        yield from _items(call, functions.stream(function, _arguments(call, given, resolved)))


def _items(call: Message, items: Iterator[Any], is_over: Callable[[], bool] = lambda: False) -> Iterator[Any]:
    for index, item in enumerate(items):
        if is_over():
            raise TaskCancelledError
        if index >= call["stream"]["skip"]:
            yield _sealed(item, "item")


class PythonActor:
    """The actor of Ray's: it is beside the user's object, whose methods it calls."""

    def __init__(self, about: Any, arguments: Any, _code: Any, *resolved: Any) -> None:
        spec, environment, archives = opened_order(about)
        self._problem: Optional[Message] = None
        if spec["maxConcurrency"] > 1:
            _let_overlap()
        call = {**spec, "taskId": f"{spec['actorId']}.0"}
        try:
            _enter(environment, archives)
            with _telling(call), _stoppable(call):
                kind = functions.find(reference_of(spec["codeId"]))
                self._instance = functions.call(kind, _arguments(call, arguments, resolved))
        except UserError as problem:
            self._problem = _constructor_failed(spec["name"], problem)

    def call(self, about: bytes, arguments: Any, *resolved: Any) -> Any:
        if self._problem is not None:
            raise UserError(self._problem, {}, [])
        call: Message = unpack(about)
        with _telling(call), _stoppable(call, is_actor=True):
            method = functions.method(self._instance, call["method"])
            return _sealed(functions.call(method, _arguments(call, arguments, resolved)))

    def call_stream(self, about: bytes, arguments: Any, *resolved: Any) -> Iterator[Any]:
        if self._problem is not None:
            raise UserError(self._problem, {}, [])
        call: Message = unpack(about)
        with _telling(call), _stoppable(call, is_actor=True):
            method = functions.method(self._instance, call["method"])
            yield from _items(call, functions.stream(method, _arguments(call, arguments, resolved)), is_cancelled)


def actor_class(name: str, max_concurrency: int) -> Any:
    """Under the name that Ray's dashboard shows. Calls that overlap run in threads of Ray's."""
    options: Any = {"max_concurrency": max_concurrency}
    return ray.remote(**options)(type(name, (PythonActor,), {}))


def reference_of(code_id: str) -> str:
    return code_id[len(MARK) :].partition("@")[0]


def _enter(environment: Message, archives: Sequence[Any]) -> None:
    global _environment
    if not environment or _environment == environment["id"]:
        return
    try:
        folder = entered(environment, archives).get("workingDir")
    except Missing as missing:
        raise UserError(missing.error, {}, []) from missing
    if folder is not None:
        os.chdir(folder)
        functions.look_in(folder)
    _environment = environment["id"]


def _arguments(call: Message, given: Any, resolved: Sequence[Any]) -> list[Any]:
    path = f"{call['name']} arguments"
    parts, _, _ = values.opened(given)
    arguments, count = read_arguments(parts, path)
    for index, stored in zip(call["indexes"], resolved):
        parts, _, _ = values.opened(stored)
        # Those of inner refs come behind the others, in their order.
        arguments[index : index + 1] = [read(parts, f"{path}[{index}]")]
    return filled(arguments, count)


def _sealed(result: object, path: str = "result") -> values.Envelope:
    return values.envelope(write(result, path), [], [])


def _sealed_each(call: Message, result: object) -> Any:
    """Each of several results as Ray wants them: one alone is no tuple."""
    count: int = call["numReturns"]
    if count == 0:
        return None
    if not isinstance(result, (list, tuple)) or len(result) != count:
        got = f"an array of {len(result)}" if isinstance(result, (list, tuple)) else f"no array ({type(result).__name__})"
        name = call["name"]
        raise TypeError(f"'{name}' has numReturns: {count}, so it must return an array of {count} values; it returned {got}")
    sealed = tuple(_sealed(element) for element in result)
    return sealed if count > 1 else sealed[0]


# ── errors ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class TimeIsOver(BaseException):
    """Not for the user's code to catch by accident."""


@contextlib.contextmanager
def _telling(call: Message) -> Iterator[None]:
    """What the code prints goes to the cell that caused it; what it raises becomes the driver's error."""
    name: str = call["name"]
    with _printing(call):
        try:
            yield
        except TimeIsOver:
            text = f"Task '{name}' was cancelled: it ran longer than {call.get('timeoutMs')} ms (timeoutMs)."
            raise UserError(wire("TASK_CANCELLED", text), {}, []) from None
        except (KeyboardInterrupt, SystemExit, GeneratorExit, TaskCancelledError):
            raise
        except BaseException as problem:
            thrown = errors.to_wire(problem)
            raise UserError(_task_failed(name, thrown), thrown, errors.class_names(problem)) from None


def _task_failed(name: str, thrown: Message) -> Message:
    """As TaskFailedError of errors.ts describes itself."""
    _, *frames = thrown["stack"].split("\n    at ")
    told = f"{thrown['name']}: {thrown['message']}" if thrown["message"] else thrown["name"]
    message = f"Task '{name}' failed: {told}"
    return {
        "name": "TaskFailedError",
        "code": "TASK_FAILED",
        "message": message,
        "stack": "\n    at ".join([f"TaskFailedError: {message}", *frames]),
        "cause": {"error": thrown},
        "properties": {"functionName": name},
    }


def _constructor_failed(name: str, problem: UserError) -> Message:
    if not problem.thrown:
        return problem.wire
    dead = dead_actor(name, f"its constructor failed: {problem.thrown['message']}.")
    return {**dead, "cause": {"error": problem.thrown}}


@contextlib.contextmanager
def _stoppable(call: Message, *, is_actor: bool = False) -> Iterator[None]:
    """
    Raise in the user's code when its time is over, or when the call was cancelled: Ray's own interrupt wakes no system call,
    and for actors there is none.
    """
    limit = call.get("timeoutMs")
    deadline = None if limit is None else time.monotonic() + limit / 1000
    if threading.current_thread() is not threading.main_thread():
        # A thread cannot be interrupted: it goes on to its end.
        yield
        if deadline is not None and time.monotonic() > deadline:
            raise TimeIsOver
        if is_actor and is_cancelled():
            raise TaskCancelledError
        return

    def look(_number: int, _frame: object) -> None:
        if deadline is not None and time.monotonic() > deadline:
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise TimeIsOver
        if is_actor and is_cancelled():
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise TaskCancelledError

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, TICK_S, TICK_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# ── output ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def _printing(call: Message) -> Iterator[None]:
    if _printed is None:
        with Lines(call, "stdout", sys.stdout) as out, Lines(call, "stderr", sys.stderr) as err:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                yield
        return
    with Lines(call, "stdout", _printed[0]) as out, Lines(call, "stderr", _printed[1]) as err:
        token = _lines.set((out, err))
        try:
            yield
        finally:
            _lines.reset(token)


# The process's own streams, where calls overlap; and what the code that runs prints to.
_printed: Optional[tuple[Any, Any]] = None
_lines: ContextVar[Optional[tuple[Lines, Lines]]] = ContextVar("lines", default=None)


def _let_overlap() -> None:
    """From now on calls run in several threads: each knows its own output."""
    global _printed
    functions.share_loop()
    _printed = (sys.stdout, sys.stderr)
    sys.stdout, sys.stderr = (OfCall(index, own) for index, own in enumerate(_printed))


class OfCall(io.TextIOBase):
    """A stream of the process that is another one for each call."""

    encoding = "utf-8"

    def __init__(self, index: int, own: Any) -> None:
        self._index = index
        self._own = own

    def _stream(self) -> Any:
        lines = _lines.get()
        return self._own if lines is None else lines[self._index]

    @property
    def buffer(self) -> Any:
        return self._own.buffer

    def fileno(self) -> int:
        return int(self._own.fileno())

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return int(self._stream().write(text))

    def flush(self) -> None:
        self._stream().flush()


class Lines(io.TextIOBase):
    """A stream of the process whose lines say which cell has caused them."""

    encoding = "utf-8"

    def __init__(self, call: Message, stream: str, out: Any) -> None:
        about = {"type": "output", "stream": stream, "source": call["name"], "pid": os.getpid()}
        self._about: Message = {**about, **{key: call[key] for key in ("execution",) if key in call}, "task": task_id()}
        self._out = out
        self._text = ""

    @property
    def buffer(self) -> Any:
        """For bytes, which have no cell."""
        return self._out.buffer

    def fileno(self) -> int:
        return int(self._out.fileno())

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._text += text
        if "\n" in text:
            self.flush()
        return len(text)

    def flush(self) -> None:
        text, self._text = self._text, ""
        if text:
            marks.write(self._out, {**self._about, "text": text, "atMs": int(time.time() * 1000)})

    def __exit__(self, *_: object) -> None:
        # Whoever has kept it, such as a handler of `logging`, may go on.
        self.flush()
