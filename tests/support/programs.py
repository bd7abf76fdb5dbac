"""`ml-connector` in processes of their own, and waiting for what they do."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


class CommandLine:
    """Runs `ml-connector` with a home of its own."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ML_CONNECTOR_")}
        self.environment = {**clean, "ML_CONNECTOR_HOME": str(home), **environment}

    def __call__(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "entrypoints.cli", *arguments],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def json(self, *arguments: str, status: int = 0, stdin: str = "") -> Any:
        done = self(*arguments, "--json", stdin=stdin)
        assert done.returncode == status, done.stdout + done.stderr
        return json.loads(done.stdout)


class Worker:
    """A running `ml-connector worker`; what it says is kept in a file."""

    def __init__(self, environment: Mapping[str, str], said: Path) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ML_CONNECTOR_")}
        self._said = said
        with said.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "entrypoints.cli", "worker"],
                env={**clean, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, seconds: float = 30) -> int:
        """SIGTERM, and the exit status."""
        self.send(signal.SIGTERM)
        return self.process.wait(seconds)

    @property
    def said(self) -> str:
        return self._said.read_text(encoding="utf-8", errors="replace")


@contextlib.contextmanager
def workers(home: Path) -> Iterator[Callable[..., Worker]]:
    """A function that starts workers; those still there at the end are killed."""
    started: list[Worker] = []

    def start(environment: Mapping[str, str]) -> Worker:
        started.append(Worker(environment, home / f"worker-{len(started) + 1}.txt"))
        return started[-1]

    try:
        yield start
    finally:
        for worker in started:
            if worker.process.poll() is None:
                with contextlib.suppress(OSError):
                    worker.send(signal.SIGCONT)
                worker.process.kill()
                worker.process.wait()


def wait_for(what: Callable[[], T], seconds: float = 30.0, why: Callable[[], Any] = lambda: "") -> T:
    """The first true answer; fails, saying `why`, after `seconds`."""
    until = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < until, f"nothing after {seconds} s: {why()}"
        time.sleep(0.05)
    return answer


def wait_for_words(said: Path, words: str, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    """Wait until a process has said the words into its file; fails if it ends before."""
    deadline = time.monotonic() + seconds
    while words not in (text := said.read_text(encoding="utf-8", errors="replace")):
        assert process.poll() is None, f"it ended: {text}"
        assert time.monotonic() < deadline, f"it said only: {text}"
        time.sleep(0.05)
