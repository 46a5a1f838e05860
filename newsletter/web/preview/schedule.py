"""Schedule an issue from its page, with the plan, the checks and the words of `newsletter schedule`."""

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
from newsletter.web.preview.requests import Changed, errors_as_json, required_database, with_token

NO_RUNNER = "Nothing is running that would send it: start and keep `newsletter run` running."


@errors_as_json
def schedule_question(request: Request) -> Response:
    """Return the question before a schedule: what would be sent, when, and to how many readers."""
    now = utc_now()
    plan, moment = _plan(request)
    publication = workspace_of(request).publication
    when = check_time(publication, required_database(request), plan, moment, now)
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
    details = [f"Through {plan.provider.title}, at {start}."]
    if when.wall:
        details = [
            f"Through {plan.provider.title}, at {when.wall:%Y-%m-%d %H:%M} by each reader’s own clock, from {start}."
        ]
    if late := when.late(now):
        details.append(f"For {reports.readers(late)} that time has gone by; they get it when it starts.")
    if plan.campaign and plan.campaign.start:
        details.append(
            f"Campaign {plan.campaign.id}, planned for {wall_clock(publication, plan.campaign.start)}, is changed."
        )
    with required_database(request).read() as connection:
        if not heartbeat.is_runner_alive(connection, now):
            details.append(NO_RUNNER)
    return details


@with_token
def schedule(request: Request) -> Response:
    """Approve the issue as it is now, and schedule its campaign."""
    plan, moment = _plan(request)
    asked_about = (request.query_params.get("digest"), request.query_params.get("waiting"))
    # Only what the author has seen and confirmed is approved.
    if asked_about != (plan.built.message.digest, str(plan.waiting)):
        raise Changed(
            "the issue or its readers changed since you were asked", hint="Nothing was scheduled. Look again."
        )
    publication = workspace_of(request).publication
    campaign = schedule_plan(publication, required_database(request), plan, moment, utc_now())
    assert campaign.start is not None
    start = wall_clock(publication, campaign.start)
    return JSONResponse({"campaign": campaign.id, "message": f"Campaign {campaign.id} starts at {start}."})


def _plan(request: Request) -> tuple[Plan, Moment]:
    """Return the plan that would be scheduled, and its time.

    Raises NewsletterError when the checks stop it, when nobody would get it, and when there is no time.
    """
    publication = workspace_of(request).publication
    path = workspace_of(request).path_of(request.path_params["slug"])
    plan = make_plan(publication, required_database(request), str(path), list_name=None, segment=None)
    refuse_schedule(plan)
    try:
        return gated(publication, plan, None), _moment(request, plan)
    except Stopped as error:
        hint = "Nothing was changed. Put it right; the panel of problems says how."
        raise NewsletterError(error.message, hint=hint) from error


def _moment(request: Request, plan: Plan) -> Moment:
    """Return the form's time, such as `2026-11-24T07:00`, of each reader's own clock if `?clock=local`.

    Raises NewsletterError when it is missing or is no time.
    """
    at = request.query_params.get("at", "").strip()
    if not at:
        raise NewsletterError("there is no time to send it at", hint="Choose a day and a time.")
    zone = " local" if request.query_params.get("clock") == "local" else ""
    try:
        return parse_moment(at + zone, plan.built.theme.publication.config.publication.timezone)
    except ValueError as error:
        raise NewsletterError(str(error)) from error


ROUTES = [
    Route("/issues/{slug}/schedule", schedule_question),
    Route("/issues/{slug}/schedule", schedule, methods=["POST"]),
]
