"""Serving a stand-in on a loopback port: in a thread for tests, or as the process's main job."""

import asyncio
import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import uvicorn


def loopback_socket(port: int = 0, host: str = "127.0.0.1", name: str = "") -> tuple[socket.socket, str]:
    """A listening socket and its address as a URL; port 0 takes any free one.

    For containers `host` is 0.0.0.0, and `name` the host name by which others reach it.
    """
    # The protocol is named, or asyncio leaves Nagle's algorithm on: 40 ms on every call that keeps its connection.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(128)
    return listener, f"http://{name or '127.0.0.1'}:{listener.getsockname()[1]}"


@contextlib.contextmanager
def serving(app: Any, listener: socket.socket) -> Iterator[None]:
    """Serve an ASGI app on `listener` in a thread until the block ends."""
    server = uvicorn.Server(_config(app))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        if time.monotonic() > deadline:
            raise RuntimeError("the stand-in did not start within 10 seconds")
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=10)


def serve_until_orphaned(app: Any, listener: socket.socket) -> None:
    """Serve in this process; end when standard input closes, so that a killed parent leaves nothing behind."""

    def watch() -> None:
        while sys.stdin.buffer.read(1024):
            pass
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
    serve(app, listener)


def serve(app: Any, listener: socket.socket) -> None:
    """Serve in this process until it is told to stop."""
    asyncio.run(uvicorn.Server(_config(app)).serve(sockets=[listener]))


def _config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(app, log_level="warning", lifespan="on", timeout_graceful_shutdown=1)
