"""`ml-connector serve`: the API over HTTP, until it is told to stop."""

import contextlib
import os
import signal
from types import FrameType
from typing import Annotated

import typer
import uvicorn

from entrypoints.bootstrap import services
from entrypoints.console import err
from entrypoints.runner import Runner, Timer
from entrypoints.telling import telling
from entrypoints.web.app import CONNECTIONS, create_app

GRACE_SECONDS = 10  # for requests under way when it is told to stop
_LOOP = "asyncio" if os.name == "nt" else "uvloop"


def serve(
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 is everywhere.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes any free one.")] = 8000,
    timer: Annotated[bool, typer.Option(help="Run due flows too; without it a worker must.")] = True,
) -> int:
    """Serve the API and its documentation, and run due flows; SIGTERM finishes what is under way and stops."""
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(services(person="serve", connections=CONNECTIONS))
        if timer:
            stack.enter_context(telling(service))  # alerts that wait, between cycles
        config = uvicorn.Config(
            create_app(service),
            host=host,
            port=port,
            loop=_LOOP,
            http="httptools",
            lifespan="on",
            log_config=None,  # ours, which strikes out secrets
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=True,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        runner = Timer(service) if timer else None
        server = _Announcing(config, runner)
        # uvicorn raises the signal anew once it has shut down; unheeded, it would end the process within a cycle.
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, lambda *_: None)
        if runner is not None:
            runner.start()
        try:
            server.run()
        finally:
            if runner is not None:
                runner.stop()
                runner.join()
    return 0 if server.started else 1


class _Announcing(uvicorn.Server):
    """Says where it listens once it does, so that a program that starts it knows when and where to ask.

    Told to stop, it lets no cycle begin while it still answers the last requests.
    """

    def __init__(self, config: uvicorn.Config, runner: Runner | None) -> None:
        super().__init__(config)
        self._runner = runner

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._runner is not None:
            self._runner.stop()
        super().handle_exit(sig, frame)

    async def startup(self, sockets: object = None) -> None:
        await super().startup(sockets)  # type: ignore[arg-type]
        for server in getattr(self, "servers", ()):
            for socket in server.sockets:
                host, port = socket.getsockname()[:2]
                err.print(f"Serving on http://{f'[{host}]' if ':' in host else host}:{port}", markup=False)
