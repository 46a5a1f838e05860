"""Run Procrastinate's workers in one process: a lane for each provider, with threads of its own.

So no thread that waits for one provider's turn keeps another provider's batches waiting. A lane that loses the
database starts anew until it is back. The threads are ours and not asyncio's, because a call to a provider that does
not end must not keep the process from ending.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from newsletter.database.connection import Database
from newsletter.database.postgresql import KEEPALIVE
from newsletter.distributed.jobs import TASK, queue_of

if TYPE_CHECKING:
    from procrastinate import App
    from procrastinate.worker import Worker

logger = logging.getLogger(__name__)

POLL = 1.0
"""Seconds between two looks for jobs where no notification comes, behind pgbouncer for example."""
LOOK = 0.1
"""Seconds between two looks at whether to stop."""
AGAIN = 1.0
"""Seconds until a lane starts anew that lost the database."""
HEARTBEAT, STALE = 5.0, 30.0
"""Seconds between two heartbeats of Procrastinate's worker, and of silence after which it counts as dead."""

Send = Callable[[int, int], None]
"""Sends a batch: campaign, number."""


class DaemonThreads:
    """Threads that do what they are given, in order, and end with the process."""

    def __init__(self, number: int, name: str) -> None:
        self._work: queue.SimpleQueue[tuple[Future[None], Callable[[], None]]] = queue.SimpleQueue()
        for place in range(number):
            threading.Thread(target=self._run, name=f"{name}-{place}", daemon=True).start()

    def submit(self, step: Callable[[], None]) -> Future[None]:
        """Let a thread take a step, as soon as one is free."""
        future: Future[None] = Future()
        self._work.put((future, step))
        return future

    def _run(self) -> None:
        while True:
            future, step = self._work.get()
            if future.set_running_or_notify_cancel():
                try:
                    step()
                except BaseException as error:
                    future.set_exception(error)
                else:
                    future.set_result(None)


class Lanes:
    """The lanes of one worker process."""

    def __init__(
        self,
        database: Database,
        providers: Sequence[str],
        concurrency: int,
        send: Send,
        stop_asked: threading.Event,
        drain: float,
    ) -> None:
        """Each lane sends `concurrency` batches at once; once asked to stop, it waits `drain` seconds for them."""
        self._database = database
        self._threads = {name: DaemonThreads(concurrency, f"lane-{name}") for name in providers}
        self._concurrency = concurrency
        self._send = send
        self._stop_asked = stop_asked
        self._drain = drain

    def run(self) -> None:
        """Run jobs until asked to stop, and the batches in hand to their end."""
        _keep_engine_quiet()
        asyncio.run(self._run())

    async def _run(self) -> None:
        asyncio.get_running_loop().set_exception_handler(_log)
        await asyncio.gather(*(self._lane(name, threads) for name, threads in self._threads.items()))

    async def _lane(self, provider: str, threads: DaemonThreads) -> None:
        while not self._stop_asked.is_set():
            try:
                await self._work(provider, threads)
            except Exception as error:  # the database is away: its jobs are run when it is back, by whomever
                logger.info("lane %s lost the database, and starts anew", provider, exc_info=error)
            if not self._stop_asked.is_set():
                await asyncio.sleep(AGAIN)

    async def _work(self, provider: str, threads: DaemonThreads) -> None:
        """Run one of Procrastinate's workers until it ends: when asked to stop, or without a database."""
        from procrastinate.worker import Worker

        app = self._app(threads)
        async with app.open_async():
            worker = Worker(
                app,
                queues=[queue_of(provider)],
                name=provider,
                concurrency=self._concurrency,
                fetch_job_polling_interval=POLL,
                delete_jobs="always",
                install_signal_handlers=False,
                shutdown_graceful_timeout=self._drain,
                update_heartbeat_interval=HEARTBEAT,
                stalled_worker_timeout=STALE,
            )
            watching = asyncio.create_task(self._stop_when_asked(worker))
            try:
                await worker.run()  # type: ignore[no-untyped-call]
            finally:
                watching.cancel()

    async def _stop_when_asked(self, worker: Worker) -> None:
        while not self._stop_asked.is_set():
            await asyncio.sleep(LOOK)
        worker.stop()  # type: ignore[no-untyped-call]

    def _app(self, threads: DaemonThreads) -> App:
        from procrastinate import App, PsycopgConnector

        url = self._database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        options: dict[str, Any] = {**KEEPALIVE, "connect_timeout": 5, "prepare_threshold": None}
        app = App(connector=PsycopgConnector(conninfo=url, kwargs=options, min_size=1, max_size=4, timeout=5.0))

        async def send_batch(campaign: int, batch: int) -> None:
            await asyncio.wrap_future(threads.submit(lambda: self._send(campaign, batch)))

        app.task(name=TASK)(send_batch)
        return app


def _log(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what a task of the engine raised and nobody waited for: the connection that it had is lost."""
    logger.info("%s", context.get("message", ""), exc_info=context.get("exception"))


def _keep_engine_quiet() -> None:
    """Let the log lines of the engine go where ours go, when a user asks for ours: it logs each lost connection."""
    for name in ("procrastinate", "psycopg"):
        engine, own = logging.getLogger(name), logging.getLogger("newsletter")
        engine.handlers, engine.propagate = own.handlers, not own.handlers
        engine.setLevel(own.level if logger.isEnabledFor(logging.INFO) else logging.CRITICAL)
