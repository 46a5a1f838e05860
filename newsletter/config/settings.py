"""Every setting of newsletter.toml and its default: one class per section, and `Config` for the whole.

publication.py reads the file; errors.py explains its mistakes; docs/configuration.md describes the settings.
"""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_network
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct, field

from newsletter.addresses import Mailbox, parse_mailbox
from newsletter.config.provider_settings import LOOPBACK, is_well_formed
from newsletter.rates import Rate, Warmup
from newsletter.times import OFF, DayTime, DayWindow, Duration, parse_zone


class WebAddress(str):
    """An absolute http(s) address without a trailing slash."""


class HexColour(str):
    """`#RRGGBB`."""


class NetworkRange(str):
    """`127.0.0.1`, `10.0.0.0/8`, `::1`: a machine or a network."""


class PicturePlace(str):
    """A picture's path inside the publication, or its web address; empty for no picture."""


class Share(str):
    """`5%`, or `off`."""

    part: float
    """0.05 for 5%; 1 when off."""

    def __new__(cls, text: str) -> Share:
        """Parse what a user wrote. Raises ValueError with what is allowed."""
        match = re.fullmatch(r"(\d{1,2}(?:\.\d{1,3})?)\s*%", text.strip())
        if text != OFF and not match:
            raise ValueError(f'"{text}" is not a share; write 5%, or off')
        self = super().__new__(cls, text)
        self.part = float(match[1]) / 100 if match else 1.0
        return self


class PublicationSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[publication]`: its name, address, sender and language."""

    name: str
    url: WebAddress
    sender: Mailbox = field(name="from")
    reply_to: str = ""
    postal_address: str = ""
    timezone: ZoneInfo = ZoneInfo("UTC")
    language: str = "en"


class ListSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[lists.<name>]`: a newsletter that readers join or leave."""

    title: str
    description: str = ""
    default: bool = False
    language: str = ""
    digest_of: str = ""


class SignupSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[signup]`: the texts of the sign-up block, and the limits of its form."""

    heading: str = "Join our daily newsletter"
    text: str = "Breaking news, product launches and research, explained every morning."
    button: str = "Join now"
    forwarded: str = "Was this forwarded to you?"
    per_network: Rate = Rate("30/h")
    per_address: Rate = Rate("3/d")
    min_time: Duration = Duration("2s")
    confirm_within: Duration = Duration("7d")
    sites: tuple[WebAddress, ...] = ()
    challenge: Literal["off", "turnstile", "hcaptcha"] = "off"
    challenge_key: str = ""
    challenge_secret: str = ""
    challenge_url: WebAddress | None = None


CONNECT = timedelta(seconds=10)
"""The time in which a connection to a provider's API is made, or is not."""


class SendSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[send]`: the providers, how fast they may be used, and what stops a campaign."""

    provider: str | Annotated[tuple[str, ...], Meta(min_length=1)] = "outbox"
    rate: Rate = Rate("off")
    warmup: Warmup = Warmup("off")
    max_lateness: Duration = Duration("2h")
    on_unknown: Literal["hold", "resend", "assume-sent"] = "hold"
    patience: Duration = Duration("30m")
    timeout: Duration = Duration("60s")
    lease: Duration = Duration("90s")
    max_rejected: Share = Share("5%")
    max_complaints: Share = Share("0.3%")
    max_bounced: Share = Share("5%")

    def __post_init__(self) -> None:
        """Refuse a provider that is named twice: a campaign never goes back to one that stopped. Raises ValueError.

        Refuse also a lease that ends before a call does: another sender would take its readers over meanwhile.
        """
        if self.timeout.delta < timedelta(seconds=1):
            raise ValueError(f'timeout = "{self.timeout}": a provider needs a second to answer, at least')
        longest = self.timeout.delta + CONNECT
        if self.lease.delta <= longest:
            seconds = int(longest.total_seconds())
            raise ValueError(
                f'lease = "{self.lease}" is too short: a call may take {seconds} s, {self.timeout} of them '
                f"for the answer (timeout); write more than {seconds}s"
            )
        for place, name in enumerate(self.providers):
            if name in self.providers[:place]:
                raise ValueError(f'the provider "{name}" is there twice; name each once')

    @property
    def providers(self) -> tuple[str, ...]:
        """The provider that campaigns begin with, then those that take over when it stops."""
        return (self.provider,) if isinstance(self.provider, str) else self.provider


class CheckSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[check]`: the rules of `newsletter check`, and what they assume."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    link_allowance: int = 80
    skip_hosts: tuple[str, ...] = ()
    targets: tuple[str, ...] = (
        *("gmail.desktop-webmail", "gmail.ios", "gmail.android", "apple-mail", "yahoo", "samsung-email", "thunderbird"),
        *("outlook.windows", "outlook.macos", "outlook.outlook-com", "outlook.ios", "outlook.android"),
    )


class DraftSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[draft]`: the sources of `newsletter draft`, and how many stories it takes."""

    sources: tuple[str, ...] = field(name="from", default=())
    since: Duration = Duration("off")
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10


class ScheduleSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[schedule]`: when `newsletter run` sends the issue of the day."""

    daily: DayTime = DayTime("off")


class ServeSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[serve]`: proxies or a certificate, who may read the counts, how often readers may change something."""

    proxies: tuple[NetworkRange, ...] = ()
    metrics_from: tuple[NetworkRange, ...] = ()
    changes_per_reader: Rate = Rate("60/h")
    changes_per_network: Rate = Rate("600/h")
    certificate: str = ""
    key: str = ""


class RemoteSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[remote]`: the server that `newsletter push` hands issues to, and the key for it."""

    url: WebAddress | None = None
    key: str = ""


class PublishSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[publish]`: what has to be there before a campaign starts: people who approved it, time, the part of the day."""

    approvals: Annotated[int, Meta(ge=0, le=20)] = 0
    min_notice: Duration = Duration("off")
    window: DayWindow = DayWindow("off")


class ApiSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[api]`: whether `newsletter serve` answers other programs, and how often each may ask."""

    enabled: bool = False
    per_key: Rate = Rate("100/s")


class PreviewSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[preview]`: the editor that opens lines, and the addresses that get tests."""

    editor: str = "vscode://file{path}:{line}:{column}"
    test_addresses: tuple[Mailbox, ...] = ()


class TrackingSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[tracking]`: whether opens and clicks are counted, and how long they are kept per reader."""

    level: Literal["none", "aggregate", "individual"] = "none"
    keep: Duration = Duration("90d")


class ReportsSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[reports]`: who gets the figures of a campaign by email, and how long after it started."""

    to: tuple[Mailbox, ...] = ()
    after: Duration = Duration("24h")


class EventsSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[events]`: how long the raw calls of providers are kept."""

    keep: Duration = Duration("30d")


class BouncesSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[bounces]`: when an address that bounces for now is given up, and the mailbox of the return path."""

    soft: Annotated[int, Meta(ge=1, le=100)] = 5
    imap: str = ""
    imap_password: str = ""


class EventKind(StrEnum):
    """Name what outbound webhooks tell of."""

    CONFIRMED = "subscriber.confirmed"
    """A reader is active on a list."""
    UNSUBSCRIBED = "subscriber.unsubscribed"
    SUPPRESSED = "subscriber.suppressed"
    STARTED = "campaign.started"
    PAUSED = "campaign.paused"
    FINISHED = "campaign.finished"
    """A campaign is sent, or cancelled."""


class WebhookSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[webhooks]]`: an address that is told what happens, and of what."""

    url: WebAddress
    secret: str
    events: Annotated[tuple[EventKind, ...], Meta(min_length=1)] = tuple(EventKind)

    def wants(self, kind: EventKind) -> bool:
        """Tell whether it is to be told of this kind."""
        return kind in self.events


class DkimSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[dkim]`: the signature that a provider or a mail server makes, where `newsletter doctor` cannot find out."""

    selector: str = ""
    domain: str = ""


class DatabaseSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[database]`: a SQLAlchemy URL; a relative SQLite path is relative to newsletter.toml."""

    url: str = "sqlite:///newsletter.db"


class EnvironmentSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[environment]`: the secret that signs links; without it a secret is made and kept in a file."""

    secret: str = ""


class ThemeSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[theme]`: colours, fonts and logo, which need no change of a template."""

    accent: HexColour = HexColour("#0F5BD3")
    accent_dark: HexColour = HexColour("#8AB4FF")
    page: HexColour = HexColour("#F3F1EC")
    page_dark: HexColour = HexColour("#14161A")
    card: HexColour = HexColour("#FFFFFF")
    card_dark: HexColour = HexColour("#1D2025")
    heading_font: str = "Georgia, 'Times New Roman', serif"
    body_font: str = "-apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
    logo: PicturePlace = PicturePlace("")
    logo_dark: PicturePlace = PicturePlace("")
    logo_alt: str = ""
    logo_width: int = 160
    social: dict[str, WebAddress] = {}


class SponsorSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sponsors.<id>]`: a sponsor, which issues name by its id."""

    name: str
    url: WebAddress | None = None
    image: PicturePlace = PicturePlace("")
    alt: str = ""
    text: str = ""


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of newsletter.toml."""

    publication: PublicationSection
    lists: dict[str, ListSection] = {}
    signup: SignupSection = SignupSection()
    fields: dict[str, Literal["text", "number", "date", "boolean"]] = {}
    segments: dict[str, dict[str, Any]] = {}
    send: SendSection = SendSection()
    check: CheckSection = CheckSection()
    providers: dict[str, dict[str, Any]] = {}
    draft: DraftSection = DraftSection()
    schedule: ScheduleSection = ScheduleSection()
    serve: ServeSection = ServeSection()
    api: ApiSection = ApiSection()
    remote: RemoteSection = RemoteSection()
    publish: PublishSection = PublishSection()
    preview: PreviewSection = PreviewSection()
    tracking: TrackingSection = TrackingSection()
    reports: ReportsSection = ReportsSection()
    events: EventsSection = EventsSection()
    bounces: BouncesSection = BouncesSection()
    dkim: DkimSection = DkimSection()
    database: DatabaseSection = DatabaseSection()
    environment: EnvironmentSection = EnvironmentSection()
    theme: ThemeSection = ThemeSection()
    sponsors: dict[str, SponsorSection] = {}
    webhooks: tuple[WebhookSection, ...] = ()

    def __post_init__(self) -> None:
        """Refuse two entries of one address: each message would be told twice. Raises ValueError."""
        urls = [webhook.url for webhook in self.webhooks]
        for place, url in enumerate(urls):
            if url in urls[:place]:
                raise ValueError(f"[[webhooks]] has {url} twice; name all its events in one")


def read_config(raw: dict[str, Any]) -> Config:
    """Convert the tables of newsletter.toml. Raises msgspec.ValidationError with the path of the first mistake."""
    return msgspec.convert(raw, Config, dec_hook=_decode)


def _decode(kind: type, value: Any) -> Any:
    """Convert a setting whose type is not one of TOML's. Raises ValueError with what is allowed."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text; put it in quotes")
    return _DECODERS[kind](value)


def parse_web_address(value: str) -> WebAddress:
    """Return an https address, or an http one on this machine, without its trailing slash. Raises ValueError."""
    is_secure = re.fullmatch(r"https://[^\s/]+(/\S*)?", value) or (LOOPBACK.match(value) and " " not in value)
    if is_secure and is_well_formed(value):
        return WebAddress(value.rstrip("/"))
    raise ValueError(f'"{value}" is not an https:// address')


def _decode_picture(value: str) -> PicturePlace:
    if "://" in value and not is_well_formed(value):
        raise ValueError(f'"{value}" is neither a path nor a web address')
    return PicturePlace(value)


def _decode_colour(value: str) -> HexColour:
    if re.fullmatch(r"#[0-9A-Fa-f]{6}", value):
        return HexColour(value)
    raise ValueError(f'"{value}" is not a colour; write one as #0F5BD3')


def _decode_network(value: str) -> NetworkRange:
    try:
        return NetworkRange(ip_network(value))
    except ValueError as error:
        raise ValueError(f'"{value}" is not an address or a network; write 127.0.0.1 or 10.0.0.0/8') from error


_DECODERS: dict[type, Any] = {
    WebAddress: parse_web_address,
    HexColour: _decode_colour,
    PicturePlace: _decode_picture,
    NetworkRange: _decode_network,
    Duration: Duration,
    Rate: Rate,
    DayTime: DayTime,
    DayWindow: DayWindow,
    Warmup: Warmup,
    Share: Share,
    ZoneInfo: parse_zone,
    Mailbox: parse_mailbox,
}
