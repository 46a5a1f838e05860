"""Scheduling the issue from the page: by the same plan, the same gate and the same words as the command."""

from __future__ import annotations

from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from newsletter.campaigns import reports
from newsletter.campaigns.schedule import Timing, until, wall_clock
from newsletter.checks.gate import Stopped
from newsletter.errors import NewsletterError
from newsletter.publishing import heartbeat
from newsletter.publishing.plan import Plan, check_time, gated, make_plan, refuse_schedule, schedule_plan
from newsletter.times import Moment, parse_moment, utc_now
from newsletter.web.preview.pages import workspace_of
from newsletter.web.preview.requests import Changed, act, in_json, readers_of

NOBODY_THERE = "Nobody is there to send it then: keep `newsletter run` running."


@in_json
def question(request: Request) -> Response:
    """What would be sent, when and to how many."""
    now = utc_now()
    plan, moment = _plan(request)
    publication = workspace_of(request).publication
    when = check_time(publication, readers_of(request), plan, moment, now)
    return JSONResponse(
        {
            "question": f"Send this issue to {plan.audience} {until(when.start, now)}?",
            "details": [f"“{plan.own_subject}”", *_details(request, plan, when, now)],
            "button": f"Schedule for {reports.readers(plan.waiting)}",
            "digest": plan.built.message.digest,
            "waiting": plan.waiting,
        }
    )


def _details(request: Request, plan: Plan, when: Timing, now: datetime) -> list[str]:
    publication = workspace_of(request).publication
    start = wall_clock(publication, when.start)
    said = [f"Through {plan.provider.title}, at {start}."]
    if when.wall:
        said = [
            f"Through {plan.provider.title}, at {when.wall:%Y-%m-%d %H:%M} by each reader’s own clock, from {start}."
        ]
    if late := when.late(now):
        said.append(f"For {reports.readers(late)} that time has gone by; they get it when it starts.")
    if plan.campaign and plan.campaign.start:
        said.append(
            f"Campaign {plan.campaign.id}, planned for {wall_clock(publication, plan.campaign.start)}, is changed."
        )
    with readers_of(request).read() as connection:
        if not heartbeat.is_anybody_there(connection, now):
            said.append(NOBODY_THERE)
    return said


@act
def schedule(request: Request) -> Response:
    """Approve it as it is now, and let it start then."""
    plan, moment = _plan(request)
    asked = (request.query_params.get("digest"), request.query_params.get("waiting"))
    if asked != (plan.built.message.digest, str(plan.waiting)):
        raise Changed(
            "the issue or its readers changed since you were asked", hint="Nothing was scheduled. Look again."
        )
    publication = workspace_of(request).publication
    campaign = schedule_plan(publication, readers_of(request), plan, moment, utc_now())
    assert campaign.start is not None
    start = wall_clock(publication, campaign.start)
    return JSONResponse({"campaign": campaign.id, "message": f"Campaign {campaign.id} starts at {start}."})


def _plan(request: Request) -> tuple[Plan, Moment]:
    """What would be scheduled: allowed by the gate, with somebody to get it. Raises NewsletterError."""
    publication = workspace_of(request).publication
    path = workspace_of(request).path_of(request.path_params["slug"])
    plan = make_plan(publication, readers_of(request), str(path), list_name=None, segment=None)
    refuse_schedule(plan)
    try:
        return gated(publication, plan, None), _moment(request, plan)
    except Stopped as error:
        hint = "Nothing was changed. Put it right; the panel of problems says how."
        raise NewsletterError(error.message, hint=hint) from error


def _moment(request: Request, plan: Plan) -> Moment:
    """As a form has it, `2026-11-24T07:00` with `local` or not. Raises NewsletterError."""
    at = request.query_params.get("at", "").strip()
    if not at:
        raise NewsletterError("there is no time to send it at", hint="Choose a day and a time.")
    zone = " local" if request.query_params.get("clock") == "local" else ""
    try:
        return parse_moment(at + zone, plan.built.theme.publication.config.publication.timezone)
    except ValueError as error:
        raise NewsletterError(str(error)) from error


ROUTES = [
    Route("/issues/{slug}/schedule", question),
    Route("/issues/{slug}/schedule", schedule, methods=["POST"]),
]
