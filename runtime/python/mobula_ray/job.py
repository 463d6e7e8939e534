"""
A notebook or a script as a job of Ray's: Mobula's own command, run on the head in a copy of the files that came with the
job. Everything that it needs is in the package that this module is in; see job-program.ts.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from .errors import NodeMissing
from .folders import placed
from .node import find_node
from .private import dashboard_address

# As Ray unpacks it: SESSION/runtime_resources/py_modules_files/PACKAGE/mobula_ray/job.py
PACKAGE = Path(__file__).parent.parent
SESSION = PACKAGE.parents[2]
# Its end of the command line: the module that is started in the package.
PROGRAM = Path("node_modules", "mobula", "dist")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--id", required=True)
    parser.add_argument("program", choices=["notebook", "script"])
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    try:
        node = find_node()
    except NodeMissing as problem:
        sys.exit(f"mobula: {problem}")
    program = placed(SESSION / "mobula_programs" / PACKAGE.name / "job", copy_program)
    # Ray shares the working directory between jobs with the same files.
    work = SESSION / "mobula_jobs" / options.id
    shutil.copytree(os.getcwd(), work)
    try:
        return run([node, *command(program, options)], work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def copy_program(to: str) -> None:
    """Ray empties and fills the folder of a package again whenever it thinks that it has to."""
    shutil.copytree(PACKAGE, to, dirs_exist_ok=True)


def command(program: Path, options: argparse.Namespace) -> list[str]:
    if options.program == "script":
        return [str(program / PROGRAM / "jobs" / "script-program.js"), *options.arguments]
    # Where Ray's dashboard gives files out: a driver may fetch it at any time, while it runs too.
    output = SESSION / "logs" / f"mobula-{options.id}.ipynb"
    return [str(program / PROGRAM / "cli" / "main.js"), "run", *options.arguments, "--output", str(output)]


def run(words: list[str], folder: Path) -> int:
    # Ray tells every process of the job that it has to end; this one waits for the other.
    signal.signal(signal.SIGTERM, lambda *_: None)
    address = os.environ.get("MOBULA_ADDRESS") or f"ray://{dashboard_address()}"
    environment = {**os.environ, "MOBULA_ADDRESS": address}
    # Another Python must not find this package by accident.
    environment.pop("PYTHONPATH", None)
    code = subprocess.run(words, cwd=folder, env=environment, stdin=subprocess.DEVNULL).returncode
    return 128 - code if code < 0 else code


if __name__ == "__main__":
    sys.exit(main())
