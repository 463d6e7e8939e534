"""
The hub: one small process on the head, started as a job by the first driver. It takes connections, checks their secret,
and hands each socket to the session of its driver: a process of its own, so a Ray driver of its own. No byte of what
drivers say passes through the hub, and the hub itself does not join the cluster.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

PATH = "/remote"
SESSION_HEADER = "x-mobula-session"
RESUME_HEADER = "x-mobula-resume"
# Keys are made by drivers; a short one could be guessed.
SESSION_KEY = re.compile(r"[0-9a-f]{32,64}")
MAX_HEAD_BYTES = 16 * 1024
HEAD_WITHIN_S = 10.0
# Each user of a cluster has a hub.
KNOWN_PORTS = 5


class Refusal(Exception):
    def __init__(self, status: str, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Hub:
    def __init__(self, secret_sha256: str, idle_s: float) -> None:
        self._secret_sha256 = secret_sha256
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._idle_since = time.monotonic()

    def serve(self, listener: socket.socket) -> None:
        """Until nobody has needed it for a while."""
        listener.settimeout(1.0)
        while not self._is_idle():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            threading.Thread(target=self._take, args=(connection,), daemon=True).start()

    def _is_idle(self) -> bool:
        with self._lock:
            for key in [key for key, session in self._sessions.items() if session.has_ended()]:
                del self._sessions[key]
            if self._sessions:
                self._idle_since = time.monotonic()
            return time.monotonic() - self._idle_since > self._idle_s

    def _take(self, connection: socket.socket) -> None:
        with connection:
            try:
                headers = self._check(peek_head(connection))
                with self._lock:
                    self._idle_since = time.monotonic()
                    self._session(headers).hand(connection)
            except Refusal as refusal:
                refuse(connection, refusal)
            except OSError as problem:
                print(f"a connection was lost: {problem}", flush=True)

    def _check(self, head: str) -> dict[str, str]:
        request, _, rest = head.partition("\r\n")
        lines = (line.partition(":") for line in rest.split("\r\n"))
        headers = {name.strip().lower(): value.strip() for name, _, value in lines}
        if "origin" in headers:
            raise Refusal("403 Forbidden", "FOREIGN_ORIGIN", "web pages may not connect to this hub")
        secret = headers.get("authorization", "").removeprefix("Bearer ")
        digest = hashlib.sha256(secret.encode()).hexdigest()
        if not hmac.compare_digest(digest, self._secret_sha256):
            raise Refusal("401 Unauthorized", "UNAUTHORIZED", "this hub belongs to another user")
        if request.split(" ")[:2] != ["GET", PATH]:
            raise Refusal("404 Not Found", "NOT_FOUND", f"there is only {PATH}")
        return headers

    def _session(self, headers: dict[str, str]) -> Session:
        key = headers.get(SESSION_HEADER, "")
        if SESSION_KEY.fullmatch(key) is None:
            raise Refusal("400 Bad Request", "MALFORMED", f"a driver's connection needs the header {SESSION_HEADER}")
        session = self._sessions.get(key)
        if session is not None and not session.has_ended():
            return session
        if RESUME_HEADER in headers:
            raise Refusal("410 Gone", "SESSION_GONE", "the driver's session has ended")
        session = self._sessions[key] = Session()
        return session


class Session:
    """A process that lives as long as its driver; it ends when its end of the pipe to the hub closes."""

    def __init__(self) -> None:
        self._pipe, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "mobula_ray.session", str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)

    def hand(self, connection: socket.socket) -> None:
        socket.send_fds(self._pipe, [b"c"], [connection.fileno()])

    def has_ended(self) -> bool:
        if self._process.poll() is None:
            return False
        self._pipe.close()
        return True


def peek_head(connection: socket.socket) -> str:
    """The head of the request. It stays in the socket: the session reads it again."""
    connection.settimeout(HEAD_WITHIN_S)
    deadline = time.monotonic() + HEAD_WITHIN_S
    seen = 0
    while time.monotonic() < deadline:
        data = connection.recv(MAX_HEAD_BYTES, socket.MSG_PEEK)
        head, end, _ = data.partition(b"\r\n\r\n")
        if end:
            connection.setblocking(False)
            return head.decode("latin-1")
        if not data or len(data) >= MAX_HEAD_BYTES:
            break
        if len(data) == seen:
            time.sleep(0.01)
        seen = len(data)
    raise Refusal("400 Bad Request", "MALFORMED", "this is no request")


def refuse(connection: socket.socket, refusal: Refusal) -> None:
    body = json.dumps({"error": {"code": refusal.code, "message": str(refusal)}}).encode()
    head = f"HTTP/1.1 {refusal.status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    connection.settimeout(1.0)
    try:
        # What is unread at the close would turn the answer into a reset.
        connection.recv(MAX_HEAD_BYTES)
        connection.sendall(head.encode() + body)
    except OSError:
        pass  # it has gone already


def listen(host: str, port: int) -> socket.socket:
    """At the usual port or one of the next, so that it can be forwarded ahead; at any other when all of them are taken."""
    for known in range(port, port + KNOWN_PORTS):
        try:
            return socket.create_server((host, known))
        except OSError:
            continue
    return socket.create_server((host, 0))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--secret-sha256", required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--idle-s", type=float, required=True)
    options = parser.parse_args()
    for module in ("ray", "msgpack"):
        if importlib.util.find_spec(module) is None:
            problem = f"'{sys.executable}', the first 'python' on the head's PATH, has no module '{module}'"
            sys.exit(f"MOBULA_HUB_PROBLEM {problem}: start Ray from an environment with ray[default]")
    # Sessions see the end of their pipe.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    with listen(options.host, options.port) as listener:
        print("MOBULA_HUB", json.dumps({"port": listener.getsockname()[1]}), flush=True)
        Hub(options.secret_sha256, options.idle_s).serve(listener)


if __name__ == "__main__":
    main()
