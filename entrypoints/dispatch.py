"""On PostgreSQL: procrastinate hands due flows to the workers, on any number of machines.

Every few seconds one worker defers a job for each flow that is due, locked by the flow's name; jobs whose worker died
are freed by the others. procrastinate's word is not trusted: a job only tries `run_cycle`, where our lease decides.
"""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from importlib import resources

import procrastinate
import psycopg
from procrastinate import exceptions, jobs

from adapters.database import CONNECT_SECONDS
from application.sync import CycleReport
from entrypoints.bootstrap import Services
from entrypoints.runner import FLOWS_AT_ONCE, LIFE_SECONDS, After, Progress, Runner

FLOWS_QUEUE = "flows"
DUTY_QUEUE = "duty"  # apart, so that long cycles do not keep a worker from looking what else is due
EVERY_FEW_SECONDS = "* * * * * */5"  # procrastinate's sixth field
HEARTBEAT_SECONDS = 2.0
STALLED_SECONDS = 10.0
RESTART_SECONDS = 2.0

_SCHEMA_LOCK = 7_319_028  # any number, the same in every process

log = logging.getLogger(__name__)


def _nothing(flow: str, report: CycleReport) -> None:
    pass


class Dispatcher(Runner):
    """A worker among others."""

    kind = "worker"

    def __init__(
        self,
        services: Services,
        flows_at_once: int = FLOWS_AT_ONCE,
        progress: Progress = lambda flow, what, done: None,
        after: After = _nothing,
    ) -> None:
        super().__init__(services, flows_at_once, progress, after)
        self._url = services.settings.database_url
        create_schema(self._url)

    def run(self) -> None:
        """See Runner.run. Where procrastinate gives up, as it does when the database goes away, it is begun anew."""
        while not self.stopping.is_set():
            try:
                asyncio.run(self._work())
            except Exception as error:
                log.warning("the dispatcher stopped and is begun anew: %s", error)
            self.stopping.wait(RESTART_SECONDS)
        self.leave()

    async def _work(self) -> None:
        app = self._app()
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(self._flows_at_once + 4, thread_name_prefix="flow"))
        async with app.open_async():
            workers = [
                asyncio.create_task(
                    app.run_worker_async(
                        queues=[queue],
                        name=queue,
                        concurrency=concurrency,
                        install_signal_handlers=False,
                        delete_jobs=jobs.DeleteJobCondition.ALWAYS,
                        update_heartbeat_interval=HEARTBEAT_SECONDS,
                        stalled_worker_timeout=STALLED_SECONDS,
                    )
                )
                for queue, concurrency in ((FLOWS_QUEUE, self._flows_at_once), (DUTY_QUEUE, 1))
            ]
            side = [asyncio.create_task(self._live()), asyncio.create_task(self._stopped())]
            # A worker that returns has lost the database; the wish to stop ends the other task.
            await asyncio.wait([*workers, side[1]], return_when=asyncio.FIRST_COMPLETED)
            for task in [*workers, *side]:
                task.cancel()  # a worker that is cancelled waits for its jobs
            await asyncio.gather(*workers, *side, return_exceptions=True)

    async def _live(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self.show_life)
            except Exception as error:
                log.warning("the sign of life could not be given: %s", error)
            await asyncio.sleep(LIFE_SECONDS)

    async def _stopped(self) -> None:
        while not self.stopping.is_set():
            await asyncio.sleep(0.2)

    def _app(self) -> procrastinate.App:
        app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=self._url, min_size=1, max_size=6))

        @app.task(name="run_flow", queue=FLOWS_QUEUE)
        def run_flow(flow: str) -> None:
            self.run_flow(flow)

        @app.periodic(cron=EVERY_FEW_SECONDS)
        @app.task(name="dispatch", queue=DUTY_QUEUE, queueing_lock="dispatch")
        async def dispatch(timestamp: int) -> None:
            for flow in await asyncio.to_thread(self.due):
                try:
                    await run_flow.configure(lock=flow, queueing_lock=flow).defer_async(flow=flow)
                except exceptions.AlreadyEnqueued:
                    continue

        @app.periodic(cron=EVERY_FEW_SECONDS)
        @app.task(name="free_stalled", queue=DUTY_QUEUE, queueing_lock="free_stalled")
        async def free_stalled(timestamp: int) -> None:
            await _free_stalled(app)

        return app


async def _free_stalled(app: procrastinate.App) -> None:
    """Jobs whose worker shows no life are tried again, or dropped where the same waits already."""
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
        assert job.id is not None
        log.warning("job %s of a worker that is gone is tried again", job.call_string)
        try:
            await app.job_manager.retry_job(job)
        except exceptions.ConnectorException:
            try:
                await app.job_manager.finish_job(job, status=jobs.Status.FAILED, delete_job=True)
            except exceptions.ConnectorException as error:
                log.info("job %s was freed by another worker: %s", job.call_string, error)


def create_schema(url: str) -> None:
    """procrastinate's tables, if they are not there; any number of processes may start at once."""
    schema = (resources.files("procrastinate.sql") / "schema.sql").read_text(encoding="utf-8")
    with psycopg.connect(url, connect_timeout=CONNECT_SECONDS) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))
        row = connection.execute("SELECT to_regclass('procrastinate_jobs')").fetchone()
        if row is None or row[0] is None:
            connection.execute(schema.encode())
