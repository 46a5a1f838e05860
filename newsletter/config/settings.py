"""newsletter.toml: every setting, its default, and where it stands in the file.

Read once, checked once; a wrong value is one ConfigError with the key, the value
and the line. Secrets are only named here (`env:NAME`) and read by `secret()` when
first needed. No other module reads newsletter.toml or the environment's secrets.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct, field

from newsletter.addresses import Mailbox, parse_mailbox
from newsletter.config.errors import explain, locate
from newsletter.errors import ConfigError
from newsletter.times import OFF, DayTime, Duration, Rate, Warmup, parse_zone

CONFIG_NAME = "newsletter.toml"
_LIST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
LOOPBACK = re.compile(r"http://(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?(/|$)")
"""Addresses that may do without TLS: nothing leaves the machine."""


class WebAddress(str):
    """An absolute http(s) address without a trailing slash."""


class HexColour(str):
    """`#RRGGBB`."""


class NetworkRange(str):
    """`127.0.0.1`, `10.0.0.0/8`, `::1`: a machine or a network."""


class Share(str):
    """`5%`, or `off`."""

    part: float
    """0.05 for 5%; 1 when off."""

    def __new__(cls, text: str) -> Share:
        """From the text a user wrote. Raises ValueError with what is allowed."""
        match = re.fullmatch(r"(\d{1,2}(?:\.\d{1,3})?)\s*%", text.strip())
        if text != OFF and not match:
            raise ValueError(f'"{text}" is not a share; write 5%, or off')
        self = super().__new__(cls, text)
        self.part = float(match[1]) / 100 if match else 1.0
        return self


class PublicationSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[publication]`: who writes, and where readers find it."""

    name: str
    url: WebAddress
    sender: Mailbox = field(name="from")
    reply_to: str = ""
    postal_address: str = ""
    timezone: ZoneInfo = ZoneInfo("UTC")
    language: str = "en"


class ListSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[lists.<name>]`: a newsletter a reader joins or leaves."""

    title: str
    description: str = ""
    default: bool = False
    language: str = ""


class SignupSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[signup]`: the words of the signup block, and the limits of its form."""

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
    challenge_url: str = ""


class SendSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[send]`: through whom, how fast, how patient."""

    provider: str | Annotated[tuple[str, ...], Meta(min_length=1)] = "outbox"
    rate: Rate = Rate("off")
    warmup: Warmup = Warmup("off")
    max_lateness: Duration = Duration("2h")
    on_unknown: Literal["hold", "resend", "assume-sent"] = "hold"
    patience: Duration = Duration("30m")
    max_rejected: Share = Share("5%")

    def __post_init__(self) -> None:
        """One that stopped is not gone on through. Raises ValueError."""
        for place, name in enumerate(self.providers):
            if name in self.providers[:place]:
                raise ValueError(f'the provider "{name}" is there twice; name each once')

    @property
    def providers(self) -> tuple[str, ...]:
        """The one a campaign begins through, and those it goes on through when that one stops."""
        return (self.provider,) if isinstance(self.provider, str) else self.provider


class CheckSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[check]`: which rules `newsletter check` asks, and what it assumes."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    link_allowance: int = 80
    skip_hosts: tuple[str, ...] = ()
    targets: tuple[str, ...] = (
        *("gmail.desktop-webmail", "gmail.ios", "gmail.android", "apple-mail", "yahoo", "samsung-email", "thunderbird"),
        *("outlook.windows", "outlook.macos", "outlook.outlook-com", "outlook.ios", "outlook.android"),
    )


class DraftSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[draft]`: where `newsletter draft` looks, and how much it takes."""

    sources: tuple[str, ...] = field(name="from", default=())
    since: Duration = Duration("off")
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10


class ScheduleSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[schedule]`: what `newsletter run` sends without being told."""

    daily: DayTime = DayTime("off")


class ServeSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[serve]`: what stands before `newsletter serve`, or its certificate when nothing does."""

    proxies: tuple[NetworkRange, ...] = ()
    certificate: str = ""
    key: str = ""


class PreviewSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[preview]`: what the preview opens lines with, and whom it sends tests to."""

    editor: str = "vscode://file{path}:{line}:{column}"
    test_addresses: tuple[Mailbox, ...] = ()


class TrackingSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[tracking]`: whether opens and clicks are counted, and how long they are known by reader."""

    level: Literal["none", "aggregate", "individual"] = "none"
    keep: Duration = Duration("90d")


class DatabaseSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[database]`: a SQLAlchemy address; a relative SQLite path is relative to newsletter.toml."""

    url: str = "sqlite:///newsletter.db"


class EnvironmentSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[environment]`: the secret that signs links; without it one is made and kept."""

    secret: str = ""


class ThemeSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[theme]`: what a publication changes without touching a template."""

    accent: HexColour = HexColour("#0F5BD3")
    accent_dark: HexColour = HexColour("#8AB4FF")
    page: HexColour = HexColour("#F3F1EC")
    page_dark: HexColour = HexColour("#14161A")
    card: HexColour = HexColour("#FFFFFF")
    card_dark: HexColour = HexColour("#1D2025")
    heading_font: str = "Georgia, 'Times New Roman', serif"
    body_font: str = "-apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
    logo: str = ""
    logo_alt: str = ""
    logo_width: int = 160
    social: dict[str, WebAddress] = {}


class SponsorSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sponsors.<id>]`: a sponsor that issues name by id."""

    name: str
    url: WebAddress | None = None
    image: str = ""
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
    preview: PreviewSection = PreviewSection()
    tracking: TrackingSection = TrackingSection()
    database: DatabaseSection = DatabaseSection()
    environment: EnvironmentSection = EnvironmentSection()
    theme: ThemeSection = ThemeSection()
    sponsors: dict[str, SponsorSection] = {}


@dataclass(frozen=True, kw_only=True)
class Publication:
    """The newsletter as a whole: its folder and its settings."""

    path: Path
    """The newsletter.toml."""
    config: Config

    @property
    def root(self) -> Path:
        """The folder that every path in the settings and in issues is relative to."""
        return self.path.parent

    @cached_property
    def default_list(self) -> str:
        """The list marked `default`, else the first."""
        marked = (name for name, entry in self.config.lists.items() if entry.default)
        return next(marked, next(iter(self.config.lists)))

    @property
    def templates(self) -> Path:
        """The publication's own templates; what is absent there comes from the package."""
        return self.root / "templates"

    @property
    def issues(self) -> Path:
        """Where issue files live."""
        return self.root / "issues"

    def place(self, *keys: str) -> str:
        """`newsletter.toml:12`, the line that sets `keys`: for messages."""
        return f"{_short(self.path)}:{locate(_read(self.path), keys)}"


def find_config(path: str | None = None) -> Path:
    """The file named by `--config`, else by NEWSLETTER_CONFIG, else ./newsletter.toml."""
    return Path(path or os.environ.get("NEWSLETTER_CONFIG") or CONFIG_NAME).absolute()


def load_publication(path: Path) -> Publication:
    """Read and check newsletter.toml. Raises ConfigError with the key, the value and the line."""
    text = _read(path)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(path, str(error)) from error
    try:
        config = _checked(raw)
    except msgspec.ValidationError as error:
        raise explain(str(error), raw, text, _short(path), Config, _checked) from error
    _check_lists(path, text, config)
    return Publication(path=path, config=config)


def _checked(raw: dict[str, Any]) -> Config:
    return msgspec.convert(raw, Config, dec_hook=_decode)


def secret(value: str, *, key: str) -> str:
    """The secret that `env:NAME` names: the variable, or the file that NAME_FILE names.

    `key` is the setting, for the message. Raises ConfigError.
    """
    name = value.removeprefix("env:")
    if not value.startswith("env:") or not name:
        raise ConfigError(f"{key} holds a secret", hint='Write the name of a variable instead: "env:NAME".')
    if found := os.environ.get(name):
        return found
    if file := os.environ.get(f"{name}_FILE"):
        return _read(Path(file)).strip()
    raise ConfigError(
        f"{name} is not set ({key} names it)", hint=f"Set {name}, or {name}_FILE to a file that holds it."
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        hint = "Make one with `newsletter init`, or name another with --config."
        raise ConfigError("no such file", place=_short(path), hint=hint) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"not UTF-8 (byte {error.start})", place=_short(path)) from error
    except OSError as error:
        raise ConfigError(error.strerror or "cannot be read", place=_short(path)) from error


def _short(path: Path) -> str:
    """The path as the user would type it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):  # elsewhere; or the folder the user is in was deleted
        return str(path)


def _decode(kind: type, value: Any) -> Any:
    """A setting that is more than TOML's own types. Raises ValueError with what is allowed."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text; put it in quotes")
    return _DECODERS[kind](value)


def parse_web_address(value: str) -> WebAddress:
    """An https address, or plain http on this machine; no trailing slash. Raises ValueError."""
    if re.fullmatch(r"https://[^\s/]+(/\S*)?", value) or (LOOPBACK.match(value) and " " not in value):
        return WebAddress(value.rstrip("/"))
    raise ValueError(f'"{value}" is not an https:// address')


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
    NetworkRange: _decode_network,
    Duration: Duration,
    Rate: Rate,
    DayTime: DayTime,
    Warmup: Warmup,
    Share: Share,
    ZoneInfo: parse_zone,
    Mailbox: parse_mailbox,
}


def _not_toml(path: Path, message: str) -> ConfigError:
    found = re.search(r"\s*\(at line (\d+), column (\d+)\)", message)
    if found is None:  # "(at end of document)"
        last = len(_read(path).splitlines())
        return ConfigError(f"not TOML: {message.split(' (at')[0]}", place=f"{_short(path)}:{last}")
    return ConfigError(f"not TOML: {message[: found.start()]}", place=f"{_short(path)}:{found[1]}:{found[2]}")


def _check_lists(path: Path, text: str, config: Config) -> None:
    """A publication has at least one list, and at most one default."""
    for name in config.lists:
        if not _LIST_NAME.fullmatch(name):
            place = f"{_short(path)}:{locate(text, ['lists', name])}"
            hint = "It stands in addresses and headers: letters, digits, `-` and `_`."
            raise ConfigError(f'no list can be named "{name}"', place=place, hint=hint)
    defaults = [name for name, entry in config.lists.items() if entry.default]
    if not config.lists:
        hint = 'Add [lists.daily] with title = "..." and default = true.'
        raise ConfigError("no list of readers", place=_short(path), hint=hint)
    if len(defaults) > 1:
        place = f"{_short(path)}:{locate(text, ['lists', defaults[1], 'default'])}"
        raise ConfigError(
            f"two default lists: {', '.join(defaults)}", place=place, hint="Keep `default = true` on one."
        )
