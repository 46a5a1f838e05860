"""Join: the front page, and the form that asks for a newsletter.

The answer is the same whether an address is known or not. A form without a token of ours (embedded
elsewhere, cached, a robot's) gets ours, filled in: one more press, and it is done.

CORS: which pages elsewhere may send signups as JSON, and read the answer: those of `[signup] sites`.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from newsletter.subscribers.signups import SignupAnswer, SignupRequest
from newsletter.web.public import signup_form
from newsletter.web.public.client import client_address
from newsletter.web.public.forms import Sent, read_sent
from newsletter.web.public.security import content_policy, is_foreign
from newsletter.web.public.signup_form import FORM, FilledForm
from newsletter.web.public.site import language_of, page, site_of, wants_json

TRAP = "topic"
"""A field that people do not see, and robots fill in."""
_TOKEN_PROBLEMS = {
    "fresh": "missing, too old, or not from here: send it again with this one",
    "fast": "too young: wait, and send it again with the same one",
    "challenge": "the challenge was not answered: send its answer along",
}
"""What a program is told, by the form's notice."""


async def home(request: Request) -> Response:
    """What the newsletter is, and the form."""
    site = site_of(request)
    latest = await site.archive_cache.latest(site.pages, language_of(request))
    return _formed(request, page(request, "home.html", {"latest": latest, **signup_form.empty(request)}))


async def show(request: Request) -> Response:
    """The form alone; `?list=` chooses. A program gets its token and the lists."""
    if wants_json(request):
        return allow(request, JSONResponse(signup_form.described(request)))
    return _formed(request, page(request, "subscribe.html", signup_form.empty(request)))


async def ask(request: Request) -> Response:
    """A form that was sent."""
    sent = await read_sent(request)
    as_json = wants_json(request)
    filled = signup_form.read(request, sent)
    answer = await _answer(request, sent, filled, as_json=as_json)
    return allow(request, answer) if as_json else answer


async def permit(request: Request) -> Response:
    """What a browser asks before a page elsewhere may send JSON."""
    return allow(request, Response(status_code=204))


async def _answer(request: Request, sent: Sent, filled: FilledForm, *, as_json: bool) -> Response:
    site = site_of(request)
    if sent.one(TRAP):
        site.figures.count("signup by a robot")
        return _taken(request, filled, as_json=as_json)
    filled = await _challenged(request, sent, _judged(request, sent, filled))
    if filled.notice or filled.problems:
        return _shown_again(request, filled, as_json=as_json)
    if await site.writes.do(site.signups.ask, _asking(request, filled)) is SignupAnswer.TOO_MANY:
        site.figures.count("signup over the limit")
        return _too_many(request, as_json=as_json)
    site.figures.count("signup")
    return _taken(request, filled, as_json=as_json)


def _judged(request: Request, sent: Sent, filled: FilledForm) -> FilledForm:
    """The form with what is wrong with it: whether it is ours, how long it was open, what it says."""
    site = site_of(request)
    strange = is_foreign(request, site.publication) and not is_allowed(request)
    age = None if strange else site.tokens.age(filled.token, FORM, site.clock())
    if age is None:
        return filled.with_notice("fresh", token=site.tokens.token(FORM))
    if age < site.publication.config.signup.min_time.delta:
        return filled.with_notice("fast")
    return signup_form.checked(filled, language_of(request), is_sure=sent.one("sure") == filled.email)


async def _challenged(request: Request, sent: Sent, filled: FilledForm) -> FilledForm:
    """The form with the verdict of the service that tells people from robots, where there is one."""
    challenge = site_of(request).challenge
    if challenge is None or filled.notice or filled.problems:
        return filled
    answer = sent.one(challenge.service.field)
    verdict = await run_in_threadpool(challenge.judge, answer, client_address(request))
    return filled if verdict == "passed" else filled.with_notice("challenge")


def _formed(request: Request, answer: Response) -> Response:
    """A page with the form may load what the challenge needs, where there is one."""
    challenge = site_of(request).challenge
    if challenge is not None:
        answer.headers["Content-Security-Policy"] = content_policy(extra=challenge.policy)
    return answer


def _asking(request: Request, filled: FilledForm) -> SignupRequest:
    site, language = site_of(request), language_of(request)
    return SignupRequest(
        email=filled.email,
        name=filled.name,
        lists=filled.lists,
        shown=signup_form.shown(site.pages, language),
        page=filled.page,
        network=client_address(request),
        at=site.clock(),
    )


def _shown_again(request: Request, filled: FilledForm, *, as_json: bool) -> Response:
    """The form once more: what the reader has to do is said in it."""
    status = 200 if filled.notice == "fresh" and not filled.token_sent else 400
    if as_json:
        said = filled.problems or {"token": _TOKEN_PROBLEMS[filled.notice]}
        token = {} if filled.problems else {"token": filled.token}
        return JSONResponse({"error": "not taken", "problems": said, **token}, status_code=400)
    return _formed(request, page(request, "subscribe.html", filled.values(), status=status))


def _taken(request: Request, filled: FilledForm, *, as_json: bool) -> Response:
    if as_json:
        return JSONResponse({"status": "asked", "email": filled.email})
    return page(request, "asked.html", filled.values())


def _too_many(request: Request, *, as_json: bool) -> Response:
    headers = {"Retry-After": "3600"}
    if as_json:
        return JSONResponse({"error": "too many from this network"}, status_code=429, headers=headers)
    answer = page(request, "error.html", {"phrase": "Too Many Requests", "error_status": 429}, status=429)
    answer.headers.update(headers)
    return answer


ROUTES = [
    Route("/", home),
    Route("/subscribe", show),
    Route("/subscribe", ask, methods=["POST"]),
    Route("/subscribe", permit, methods=["OPTIONS"]),
]


def is_allowed(request: Request) -> bool:
    """Whether the page that asks is one of a site that is allowed."""
    return request.headers.get("origin", "").lower() in _sites(request)


def allow(request: Request, answer: Response) -> Response:
    """The answer, readable for pages of those sites, and without cookies, of which there are none."""
    if is_allowed(request):
        answer.headers["Access-Control-Allow-Origin"] = request.headers["origin"]
        answer.headers["Access-Control-Allow-Methods"] = "GET, POST"
        answer.headers["Access-Control-Allow-Headers"] = "Content-Type"
        answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    answer.headers.add_vary_header("Origin")
    return answer


def _sites(request: Request) -> tuple[str, ...]:
    return tuple(site.lower() for site in site_of(request).publication.config.signup.sites)
