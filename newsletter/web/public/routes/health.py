"""Tell the operator's programs whether the server lives, whether it can work, and what it has done."""

from __future__ import annotations

import logging

from sqlalchemy import text
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from newsletter.campaigns.campaign import CampaignState
from newsletter.campaigns.campaign_queries import campaigns_in_state
from newsletter.database.clock import database_now
from newsletter.errors import NewsletterError
from newsletter.publishing import heartbeat
from newsletter.subscribers import transactional_queue
from newsletter.web.error_log import masked
from newsletter.web.public.client import is_from
from newsletter.web.public.site import Site, site_of

OPEN = (CampaignState.SENDING, CampaignState.PAUSED)
"""The states of campaigns that are counted."""
LOOPBACKS = ("127.0.0.0/8", "::1/128")
REFUSAL = "The counts are for the server's own machine, and for the networks that [serve] metrics_from names.\n"

logger = logging.getLogger(__name__)


async def liveness(request: Request) -> Response:
    """Answer 200: the process can answer."""
    return PlainTextResponse("ok\n")


async def readiness(request: Request) -> Response:
    """Answer 200 when the database answers and changes can be written, else 503 with the reason."""
    site = site_of(request)
    try:
        await run_in_threadpool(_query_database, site)
    except NewsletterError as error:
        logger.error("the database does not answer", exc_info=masked(error))
        return PlainTextResponse("the database does not answer\n", status_code=503)
    if site.write_queue.is_stuck or not site.write_queue.is_open:
        return PlainTextResponse("no changes can be made\n", status_code=503)
    return PlainTextResponse("ok\n")


async def metrics(request: Request) -> Response:
    """Return the server's counts in Prometheus' text format, to this machine and to `[serve] metrics_from`."""
    site = site_of(request)
    if not is_from(request, [*LOOPBACKS, *site.publication.config.serve.metrics_from]):
        return PlainTextResponse(REFUSAL, status_code=403)
    gauges = {"writes_waiting": site.write_queue.waiting, **await run_in_threadpool(_database_gauges, site)}
    return PlainTextResponse(
        site.metrics.text(gauges), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
    )


def _database_gauges(site: Site) -> dict[str, int]:
    """Return what the database says of this moment by the name of its gauge: mail that waits, campaigns, runners."""
    with site.database.read() as connection:
        letters = transactional_queue.counts(connection).items()
        campaigns = {state: len(campaigns_in_state(connection, state)) for state in OPEN}
        return {
            **{f"letters_{state}": number for state, number in letters},
            **{f"campaigns_{state}": number for state, number in campaigns.items()},
            "runners": heartbeat.living_runners(connection, database_now(connection)),
        }


def _query_database(site: Site) -> None:
    """Raise NewsletterError when the database cannot be read or its file was replaced."""
    site.database.require_file()
    with site.database.read() as connection:
        connection.execute(text("SELECT 1"))


ROUTES = [Route("/healthz", liveness), Route("/readyz", readiness), Route("/metrics", metrics)]
