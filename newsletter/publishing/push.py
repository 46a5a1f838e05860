"""Take an issue that was built elsewhere: verify it, check it by this server's settings, and make its campaign.

A Push is what `newsletter push` sends. Its message is sent exactly as it came, under its digest; its source is parsed
and checked here again, beside the pictures and templates that came with it, with the lists, segments and fields of
this server. The same digest again is the same campaign; a text that has begun to be sent is never replaced.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from sqlalchemy import Connection

from newsletter.campaigns import approvals, pushes
from newsletter.campaigns.campaign import (
    Campaign,
    CampaignState,
    approve_again,
    approve_issue,
    frozen_message,
    get_campaign,
    schedule_campaign,
    start_now,
)
from newsletter.campaigns.campaign_queries import campaign_of_issue
from newsletter.campaigns.pushes import StoredPicture
from newsletter.campaigns.schedule import is_too_late, timing
from newsletter.checks.gate import gate
from newsletter.config import CONFIG_NAME, PublicationSettings
from newsletter.config.settings import read_config
from newsletter.errors import NewsletterError
from newsletter.issues.images import PictureError, is_remote, locate_picture, picture_path, read_picture
from newsletter.issues.issue import Issue, find_issue
from newsletter.messages.fragments import html_fragment, require_whole, text_fragment
from newsletter.messages.merge import joined, subject_line
from newsletter.messages.types import About, CompiledMessage, WebPage
from newsletter.providers import find_provider
from newsletter.rendering.build import build_issue
from newsletter.signed_links import link_secret
from newsletter.times import first_moment

MAX_PICTURE_BYTES = 5 * 1024 * 1024
MAX_FILES = 300
WRITING_SECTIONS = ("theme", "sponsors", "check")
"""The sections of the repository's newsletter.toml that say how issues look; the others are the server's alone."""
SIGNUP_WORDS = ("heading", "text", "button", "forwarded")
MOST_SHOWN = 5
Mode = Literal["draft", "schedule", "send"]


class PushedFile(Struct, kw_only=True, forbid_unknown_fields=True):
    """A file of the repository: a picture or a template."""

    path: Annotated[str, Meta(min_length=1, max_length=300, description="Inside the publication: `images/chips.png`.")]
    body: Annotated[str, Meta(description="The bytes, in base64.")]


class PushedPage(Struct, kw_only=True, forbid_unknown_fields=True):
    """The issue's page in the archive."""

    about: About
    html: str


class Push(Struct, kw_only=True, forbid_unknown_fields=True):
    """An issue from a repository, built."""

    file: Annotated[
        str, Meta(pattern=r"^[\w.-]{1,200}\.md$", description="The name of the issue's file: `2025-01-17-chips.md`.")
    ]
    source: Annotated[str, Meta(max_length=1_100_000, description="The text of the file.")]
    digest: Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="The SHA-256 of the message.")]
    message: Annotated[CompiledMessage, Meta(description="The message that is sent, its slots open.")]
    page: PushedPage
    url: Annotated[str, Meta(description="The publication's address that it was built for.")]
    mode: Annotated[Mode, Meta(description="What follows: a draft, its time, or at once.")] = "draft"
    dry_run: Annotated[bool, Meta(description="Whether everything is checked and nothing changed.")] = False
    committed_at: Annotated[
        str, Meta(max_length=40, description="When its commit was made (UTC): an older text replaces no newer one.")
    ] = ""
    allow: Annotated[list[str], Meta(description="Rules of `check` whose errors are accepted.")] = []
    pictures: Annotated[list[PushedFile], Meta(max_length=MAX_FILES)] = []
    templates: Annotated[list[PushedFile], Meta(max_length=MAX_FILES)] = []
    settings: Annotated[
        dict[str, Any], Meta(description="The sections theme, sponsors, check and the words of signup.")
    ] = {}


class RefusedPushError(NewsletterError):
    """Raised when a push contradicts what is here already: nothing was changed."""


@dataclass(frozen=True, kw_only=True)
class CheckedPush:
    """A push that passed everything that needs no transaction."""

    push: Push
    issue: Issue
    pictures: tuple[StoredPicture, ...]
    checks: str
    """The record of the gate, JSON."""

    @property
    def list(self) -> str:
        """The list that it goes to."""
        return self.issue.list

    @property
    def segment(self) -> str:
        """The segment; empty for the whole list."""
        return self.issue.segment or ""


def check_push(publication: PublicationSettings, push: Push) -> CheckedPush:
    """Verify the digest, build and check the source here. Raises NewsletterError, Stopped with the findings."""
    _require_message(push.message)
    if push.message.digest != push.digest:
        raise NewsletterError(f"the message's digest is {push.message.digest}, not {push.digest}")
    own = publication.config.publication.url
    if push.url != own:
        hint = "Write the same [publication] url in both newsletter.toml."
        raise NewsletterError(f"it was built for {push.url}; this server's is {own}", hint=hint)
    find_provider(publication, "")  # a wrong one is said before anything else
    pictures = tuple(_picture(publication, file) for file in push.pictures)
    with _staged(publication, push) as staged:
        path = find_issue(staged, str(staged.issues / push.file))
        built = build_issue(staged, path)
        if built.issue.kind == "welcome":
            raise NewsletterError(f"{push.file} is a welcome; put it into the server's issues/")
        if (built.issue.slug, built.issue.slug) != (push.message.slug, push.page.about.slug):
            raise NewsletterError(f'the message is of "{push.message.slug}", the file of "{built.issue.slug}"')
        checks = gate(staged, built, ",".join(push.allow) or None)
    return CheckedPush(push=push, issue=built.issue, pictures=pictures, checks=checks)


def _require_message(message: CompiledMessage) -> None:
    """Raise NewsletterError for a message that cannot be filled in for readers."""
    try:
        require_whole(message)
        for fragment in (html_fragment(message.html, message), text_fragment(message.text, message)):
            joined(fragment)
        subject_line(text_fragment(message.subject, message))
    except ValueError as error:
        hint = "Push it with the version of the program that the server has."
        raise NewsletterError(f"the message cannot be filled in: {error}", hint=hint) from error


def _picture(publication: PublicationSettings, file: PushedFile) -> StoredPicture:
    body = _bytes(file)
    if len(body) > MAX_PICTURE_BYTES:
        raise NewsletterError(f"{file.path} is over {MAX_PICTURE_BYTES >> 20} MB", hint="Make the picture smaller.")
    try:
        kind = read_picture(body[:65_536], file.path).kind
    except PictureError as error:
        raise NewsletterError(str(error)) from error
    return StoredPicture(path=_inside(file.path).removeprefix("images/"), kind=kind, body=body)


def _bytes(file: PushedFile) -> bytes:
    try:
        return base64.b64decode(file.body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NewsletterError(f"{file.path} is not base64") from error


def _inside(path: str) -> str:
    """Return a path inside the publication. Raises NewsletterError for one that leads out of it, or is hidden."""
    parts = PurePosixPath(path).parts
    if not parts or "\\" in path or any(part in ("/", "..") or part.startswith(".") for part in parts):
        raise NewsletterError(f"{path!r} is not a path inside the publication")
    return str(PurePosixPath(path))


@contextmanager
def _staged(publication: PublicationSettings, push: Push) -> Iterator[PublicationSettings]:
    """Write the push's files into a folder of their own, as a publication with this server's settings."""
    with tempfile.TemporaryDirectory(prefix="newsletter-push-") as folder:
        root = Path(folder)
        _write(root / "issues" / push.file, push.source.encode())
        for file in push.pictures:
            _write(root / _inside(file.path), _bytes(file))
        for file in push.templates:
            path = _inside(file.path)
            if not path.startswith("templates/"):
                raise NewsletterError(f"{file.path!r} is not a template")
            _write(root / path, _bytes(file))
        config = publication.path.read_text(encoding="utf-8")
        _write(root / CONFIG_NAME, config.encode())
        staged = PublicationSettings(
            path=root / CONFIG_NAME, config=read_config(_merged(tomllib.loads(config), push.settings))
        )
        _copy_own_pictures(publication, staged)
        yield staged


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _merged(own: dict[str, Any], pushed: Mapping[str, Any]) -> dict[str, Any]:
    """Return this server's settings with the sections of the repository that say how issues look."""
    merged = {**own, **{name: pushed[name] for name in WRITING_SECTIONS if name in pushed}}
    words = {key: value for key, value in dict(pushed.get("signup", {})).items() if key in SIGNUP_WORDS}
    return {**merged, "signup": {**own.get("signup", {}), **words}} if words else merged


def _copy_own_pictures(publication: PublicationSettings, staged: PublicationSettings) -> None:
    """Copy pictures that this server's settings name, where the push has none in their place."""
    named = [staged.config.theme.logo, *(sponsor.image for sponsor in staged.config.sponsors.values())]
    for path in named:
        if path and not is_remote(path):
            try:
                place = picture_path(publication.root, path)
                target = staged.root / _inside(place)
                if not target.exists():
                    _write(target, locate_picture(publication.root, place).read_bytes())
            except (PictureError, OSError):
                continue  # the build says so


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """The campaign of a push."""

    campaign: Campaign
    is_new: bool


def accept(
    connection: Connection, publication: PublicationSettings, checked: CheckedPush, name: str, now: datetime
) -> Pushed:
    """Make the push's campaign, or bring its draft up to date, and take it to where the mode says.

    `name` is the key's. Raises RefusedPushError for another text of an issue that has begun or ended.
    """
    push = checked.push
    campaign = campaign_of_issue(connection, push.message.slug, checked.list, checked.segment)
    is_new = campaign is None
    if campaign is None:
        provider = find_provider(publication, "").name
        campaign = approve_issue(
            connection,
            list=checked.list,
            segment=checked.segment,
            provider=provider,
            now=now,
            **_frozen(publication, checked),
        )
    elif campaign.digest != push.digest:
        campaign = _replaced(connection, publication, checked, campaign, now)
    if not campaign.started_at:
        _keep(connection, checked, campaign, name, now)
        is_held = campaign.state is CampaignState.PAUSED and campaign.reason.startswith(approvals.HELD)
        if is_held or campaign.state in (CampaignState.DRAFT, CampaignState.SCHEDULED):
            campaign = _moved(connection, publication, checked, campaign, now)
    return Pushed(campaign=campaign, is_new=is_new)


def _frozen(publication: PublicationSettings, checked: CheckedPush) -> dict[str, Any]:
    push = checked.push
    level = publication.config.tracking.level
    page = WebPage(about=push.page.about, html=push.page.html)
    return {"message": push.message, "page": page, "checks": checked.checks, "tracking": level}


def _replaced(
    connection: Connection, publication: PublicationSettings, checked: CheckedPush, campaign: Campaign, now: datetime
) -> Campaign:
    """Give an unstarted campaign the new text; its approvals are void."""
    if campaign.started_at or campaign.state not in (
        CampaignState.DRAFT,
        CampaignState.SCHEDULED,
        CampaignState.PAUSED,
    ):
        state = (
            "is being sent"
            if campaign.state in (CampaignState.SENDING, CampaignState.PAUSED)
            else f"is {campaign.state}"
        )
        difference = differences(frozen_message(connection, campaign.id), checked.push.message)
        hint = "Give it a new file name to send it as another issue."
        raise RefusedPushError(
            f"{campaign.issue} {state} as campaign {campaign.id} with another text: {difference}", hint=hint
        )
    newest = pushes.committed_at(connection, campaign)
    if checked.push.committed_at and newest > checked.push.committed_at:
        hint = "Push the newest commit. To go back, revert the change in a commit of its own."
        raise RefusedPushError(f"{campaign.issue} is here from a newer commit, of {newest}", hint=hint)
    approvals.drop(connection, campaign)
    approve_again(connection, campaign.id, now=now, **_frozen(publication, checked))
    return get_campaign(connection, campaign.id)


def differences(before: CompiledMessage, after: CompiledMessage) -> str:
    """Return what differs between two texts, for a person: the subject, and the first lines."""
    if before.open(before.subject) != after.open(after.subject):
        return f'the subject was "{before.open(before.subject)}" and is "{after.open(after.subject)}"'
    lines = difflib.unified_diff(
        before.open(before.text).splitlines(), after.open(after.text).splitlines(), lineterm="", n=0
    )
    changed = [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    shown = "; ".join(line[:120] for line in changed[:MOST_SHOWN])
    return shown or "the words are the same, and the HTML is not"


def _keep(connection: Connection, checked: CheckedPush, campaign: Campaign, name: str, now: datetime) -> None:
    """Keep the pictures and the source. Raises RefusedPushError where a sent issue has another picture of a name."""
    hashes = {picture.path: picture.sha256 for picture in checked.pictures}
    if taken := pushes.replaced(connection, campaign.issue, hashes):
        path, slug = next(iter(taken.items()))
        hint = "Give the new picture a name of its own."
        raise RefusedPushError(f"images/{path} is another picture than the one that {slug} was sent with", hint=hint)
    pushes.keep_pictures(connection, campaign.issue, checked.pictures, now)
    pushes.record(
        connection,
        campaign,
        name=name,
        file=checked.push.file,
        source=checked.push.source.encode(),
        committed_at=checked.push.committed_at,
        now=now,
    )


def _moved(
    connection: Connection, publication: PublicationSettings, checked: CheckedPush, campaign: Campaign, now: datetime
) -> Campaign:
    """Take an unstarted campaign to where the push's mode says; a draft stays what it is."""
    mode = checked.push.mode
    if mode == "schedule":
        return _scheduled(connection, publication, checked, campaign, now)
    if mode == "send":
        start = approvals.earliest(publication, _frozen_at(campaign, now), now)
        if start <= now and not approvals.missing(connection, publication, campaign):
            return start_now(connection, campaign.id, now=now)
        return schedule_campaign(connection, campaign.id, send_at=start, wall=None, now=now)
    return campaign


def _frozen_at(campaign: Campaign, now: datetime) -> datetime:
    return datetime.fromisoformat(campaign.frozen_at) if campaign.frozen_at else now


def _scheduled(
    connection: Connection, publication: PublicationSettings, checked: CheckedPush, campaign: Campaign, now: datetime
) -> Campaign:
    moment = checked.issue.send_at
    zone = publication.config.publication.timezone
    wall = None
    if moment is not None:
        when = timing(connection, publication, moment, campaign.list, campaign.segment, now)
        start, wall = when.start, when.wall
    elif (at := publication.config.schedule.daily.of_day) is not None:
        start = first_moment(datetime.combine(checked.issue.date, at), zone)
    else:
        hint = "Write send_at into its front matter, or [schedule] daily into the server's newsletter.toml."
        raise NewsletterError(f"{checked.push.file} does not say when it is sent", hint=hint)
    if is_too_late(start, now, publication.config.send.max_lateness):
        raise NewsletterError(f"its time, {start.astimezone(zone):%Y-%m-%d %H:%M %Z}, has gone by")
    if early := approvals.too_early(publication, _frozen_at(campaign, now), start):
        raise NewsletterError(f"it is to start at {start.astimezone(zone):%Y-%m-%d %H:%M %Z}: {early}")
    link_secret(publication)
    return schedule_campaign(connection, campaign.id, send_at=start, wall=wall, now=now)


def lift_hold(connection: Connection, publication: PublicationSettings, campaign: Campaign, now: datetime) -> Campaign:
    """Let a campaign go on that waited for approvals which are there now: at its time, or at once when that is over."""
    waits = campaign.state is CampaignState.PAUSED and campaign.reason.startswith(approvals.HELD)
    if not waits or campaign.started_at or approvals.missing(connection, publication, campaign):
        return campaign
    start = approvals.earliest(publication, _frozen_at(campaign, now), now)
    return schedule_campaign(connection, campaign.id, send_at=start, wall=campaign.wall, now=now)
