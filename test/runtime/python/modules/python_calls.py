"""What the tests of calls to Python call. Standard library; numpy and pyarrow where a test asks for them."""

from __future__ import annotations

import dataclasses
import datetime
import os
import signal
import sys
import threading
import time


def echo(value):
    return value


def shown(value):
    return repr(value)


def type_of(value):
    name = type(value).__name__
    return f"{name} of {value.dtype}" if hasattr(value, "dtype") else name


def mean(values):
    return sum(values) / len(values)


def given(*args, **kwargs):
    return {"args": args, "kwargs": kwargs}


async def later(value):
    import asyncio

    await asyncio.sleep(0.01)
    return value


def divided(dividend, divisor):
    return dividend // divisor, dividend % divisor


def is_same(pair):
    return pair[0] is pair[1]


def up_to(end):
    for number in range(end):
        yield number


async def letters(text):
    for letter in text:
        yield letter


def fails_at(index):
    yield from range(index)
    raise RuntimeError("no more")


def inner(text):
    raise ValueError(text)


def raises(text):
    inner(text)


def chained():
    try:
        return {}["missing"]
    except KeyError as problem:
        raise RuntimeError("outer") from problem


def prints(text):
    print(text)
    print("to stderr", file=sys.stderr)
    os.write(1, b"past it all\n")


def dies(number=signal.SIGKILL):
    os.kill(os.getpid(), number)


def dies_once(folder):
    mark = os.path.join(folder, "was-here")
    if os.path.exists(mark):
        return os.getpid()
    with open(mark, "w"):
        os.kill(os.getpid(), signal.SIGKILL)


def fails_once(mark):
    if os.path.exists(mark):
        return "second"
    with open(mark, "w"):
        raise BlockingIOError("first")


def exits(code):
    sys.exit(code)


def pid():
    return os.getpid()


def naps(seconds, mark=None):
    if mark is not None:
        with open(mark, "w") as file:
            file.write(str(os.getpid()))
    try:
        time.sleep(seconds)
    finally:
        if mark is not None:
            os.remove(mark)


def deaf(mark):
    with open(mark, "w") as file:
        file.write(str(os.getpid()))
    while True:
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            pass


def holds(count):
    global held
    held = bytearray(os.urandom(1)) * count
    return len(held)


@dataclasses.dataclass
class Point:
    x: float
    y: float


def makes(kind):
    made = {
        "tuple": lambda: (1, (2, 3)),
        "set": lambda: {1, 2},
        "keys": lambda: {1: "one", "two": 2},
        "dataclass": lambda: [Point(1, 2.5), Point(3, 4)],
        "huge": lambda: [2**53 - 1, 2**53, -(2**70)],
        "utc": lambda: datetime.datetime(2024, 5, 6, 7, 8, 9, 123000, tzinfo=datetime.timezone.utc),
        "day": lambda: datetime.date(2024, 5, 6),
        "bytes": lambda: b"\x00\xff",
        "array": lambda: __import__("array").array("h", [1, -2]),
        "shared": lambda: (lambda one: [one, one])([1]),
        "cycle": lambda: (lambda one: one.append(one) or one)([]),
        "lone": lambda: "a\ud800",
        "file": lambda: {"deep": [1, sys.stdout]},
        "complex": lambda: 1j,
        "function": lambda: echo,
    }
    return made[kind]()


def numpy_array(text, scope=None):
    import numpy

    return eval(text, {"np": numpy})


def column_sum(table, name):
    return sum(table.column(name).to_pylist())


def table(columns):
    import pyarrow

    return pyarrow.table(columns)


class Model:
    kinds = 1

    def __init__(self, weight, *, offset=0):
        if weight is None:
            raise ValueError("no weight")
        self.weight = weight
        self.offset = offset
        self.calls = 0

    def predict(self, value):
        self.calls += 1
        return value * self.weight + self.offset

    async def predict_later(self, value):
        return self.predict(value)

    def echo_all(self, values):
        return values

    def multiples(self, count):
        for number in range(count):
            yield self.predict(number)

    async def later_multiples(self, count):
        for number in range(count):
            yield await self.predict_later(number)

    def count(self):
        return self.calls

    def dies(self):
        dies()

    def naps(self, seconds, mark):
        naps(seconds, mark)

    @staticmethod
    def doubled(value):
        return 2 * value


class Meeting:
    """Its calls wait for each other."""

    def __init__(self, count):
        self.missing = threading.Barrier(count)
        self.waiting = []
        self.ended = 0

    def meet(self, name):
        print(f"{name} has come")
        self.missing.wait(60)
        return name

    def chats(self, name, lines):
        self.missing.wait(60)
        for line in range(lines):
            print(f"{name} says {line}")

    async def meet_later(self, name):
        import asyncio

        arrived = asyncio.get_running_loop().create_future()
        self.waiting.append(arrived)
        if len(self.waiting) == self.missing.parties:
            for each in self.waiting:
                each.set_result(None)
        await arrived
        return name

    def rounds(self, name, count):
        try:
            for number in range(count):
                self.missing.wait(60)
                yield f"{name} {number}"
        finally:
            self.ended += 1

    def count_ended(self):
        return self.ended

    def naps(self, seconds):
        time.sleep(seconds)
