"""Let a visitor sign up: the front page, and the form that asks for a newsletter.

The answer is the same whether an address is known or not. A form without a token of ours (embedded elsewhere, cached,
a robot's) is shown again with one, filled in: the visitor presses the button once more.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from newsletter.subscribers.signups import SignupAnswer, SignupRequest
from newsletter.web.public import signup_form
from newsletter.web.public.client import client_address
from newsletter.web.public.forms import SubmittedForm, read_form
from newsletter.web.public.security import allow_sites, content_policy, is_allowed_site, is_foreign
from newsletter.web.public.signup_form import FORM, FilledForm
from newsletter.web.public.site import language_of, page, site_of, wants_json

TRAP = "topic"
"""A field that people do not see, and robots fill in."""
_TOKEN_PROBLEMS = {
    "fresh": "missing, too old, or not from here: send it again with this one",
    "fast": "too young: wait, and send it again with the same one",
    "challenge": "the challenge was not answered: send its answer along",
}
"""The problem that a program is told, by the form's notice."""


async def show_home(request: Request) -> Response:
    """Show the front page: the newsletter, its latest issues, and the form."""
    site = site_of(request)
    latest = await site.archive_cache.latest(site.pages, language_of(request))
    values = {"latest": latest, **signup_form.empty_form(request)}
    return _with_challenge_policy(request, page(request, "home.html", values))


async def show_form(request: Request) -> Response:
    """Show the form alone, or give a program its token and lists; `?list=` chooses the ticked lists."""
    if wants_json(request):
        return allow_sites(request, JSONResponse(signup_form.form_as_json(request)))
    return _with_challenge_policy(request, page(request, "subscribe.html", signup_form.empty_form(request)))


async def subscribe(request: Request) -> Response:
    """Take a submitted form: check it, and record the sign-up that the confirmation email asks about."""
    submitted = await read_form(request)
    as_json = wants_json(request)
    form = signup_form.filled_form(request, submitted)
    response = await _subscribe(request, submitted, form, as_json=as_json)
    return allow_sites(request, response) if as_json else response


async def answer_preflight(request: Request) -> Response:
    """Answer a browser that asks whether another site's page may send JSON (CORS)."""
    return allow_sites(request, Response(status_code=204))


async def _subscribe(request: Request, submitted: SubmittedForm, form: FilledForm, *, as_json: bool) -> Response:
    site = site_of(request)
    # A robot gets the usual answer, so that it learns nothing.
    if submitted.first(TRAP):
        site.metrics.count("signup by a robot")
        return _asked_response(request, form, as_json=as_json)
    # The challenge comes last: it costs a request to another server.
    form = await _check_challenge(request, submitted, _check(request, submitted, form))
    if form.notice or form.problems:
        return _form_again(request, form, as_json=as_json)
    answer = await site.write_queue.run(site.signups.accept, _signup_request(request, form))
    if answer is SignupAnswer.TOO_MANY:
        site.metrics.count("signup over the limit")
        return _too_many(request, as_json=as_json)
    site.metrics.count("signup")
    return _asked_response(request, form, as_json=as_json)


def _check(request: Request, submitted: SubmittedForm, form: FilledForm) -> FilledForm:
    """Return the form with its problems: whether it is ours, how long it was open, what its fields say."""
    site = site_of(request)
    is_strange = is_foreign(request, site.publication) and not is_allowed_site(request)
    age = None if is_strange else site.form_tokens.age(form.token, FORM, site.clock())
    if age is None:
        return form.with_notice("fresh", token=site.form_tokens.token(FORM))
    if age < site.publication.config.signup.min_time.delta:
        return form.with_notice("fast")
    return signup_form.check_form(form, language_of(request), is_sure=submitted.first("sure") == form.email)


async def _check_challenge(request: Request, submitted: SubmittedForm, form: FilledForm) -> FilledForm:
    """Return the form with a notice when the service that tells people from robots did not pass it."""
    challenge = site_of(request).challenge
    if challenge is None or form.notice or form.problems:
        return form
    answer = submitted.first(challenge.service.field)
    verdict = await run_in_threadpool(challenge.judge, answer, client_address(request))
    return form if verdict == "passed" else form.with_notice("challenge")


def _with_challenge_policy(request: Request, response: Response) -> Response:
    """Let a page with the form load what the challenge needs, where there is one."""
    challenge = site_of(request).challenge
    if challenge is not None:
        response.headers["Content-Security-Policy"] = content_policy(extra=challenge.policy)
    return response


def _signup_request(request: Request, form: FilledForm) -> SignupRequest:
    site, language = site_of(request), language_of(request)
    return SignupRequest(
        email=form.email,
        name=form.name,
        lists=form.lists,
        shown=signup_form.shown_form(site.pages, language),
        page=form.page,
        network=client_address(request),
        at=site.clock(),
    )


def _form_again(request: Request, form: FilledForm, *, as_json: bool) -> Response:
    """Show the form once more, with what the visitor has to do."""
    # An embedded form has no token: its visitor made no mistake.
    status = 200 if form.notice == "fresh" and not form.token_sent else 400
    if as_json:
        problems = form.problems or {"token": _TOKEN_PROBLEMS[form.notice]}
        token = {} if form.problems else {"token": form.token}
        return JSONResponse({"error": "not taken", "problems": problems, **token}, status_code=400)
    return _with_challenge_policy(request, page(request, "subscribe.html", form.values(), status=status))


def _asked_response(request: Request, form: FilledForm, *, as_json: bool) -> Response:
    if as_json:
        return JSONResponse({"status": "asked", "email": form.email})
    return page(request, "asked.html", form.values())


def _too_many(request: Request, *, as_json: bool) -> Response:
    headers = {"Retry-After": "3600"}
    if as_json:
        return JSONResponse({"error": "too many from this network"}, status_code=429, headers=headers)
    response = page(request, "error.html", {"phrase": "Too Many Requests", "error_status": 429}, status=429)
    response.headers.update(headers)
    return response


ROUTES = [
    Route("/", show_home),
    Route("/subscribe", show_form),
    Route("/subscribe", subscribe, methods=["POST"]),
    Route("/subscribe", answer_preflight, methods=["OPTIONS"]),
]
