"""newsletter.toml: every setting, its default, and the errors about a wrong one.

publication.py reads the file and secrets, and checks the whole; settings.py has the sections and their defaults;
provider_settings.py the keys of each provider; fields.py the readers' fields and how their values are written;
segments.py the rules of `[segments]`; errors.py turns a decoder's message into one error with key, value and line;
mistakes.py finds all of them.

Belongs here: what a user may write in newsletter.toml. Does not: what is done with it. Nothing here opens a
database, a socket or an issue file.
"""

from newsletter.config.provider_settings import LOOPBACK
from newsletter.config.publication import CONFIG_NAME, PublicationSettings, find_config, load_publication, secret
from newsletter.config.settings import (
    Config,
    EventKind,
    HexColour,
    Share,
    SignupSection,
    SponsorSection,
    ThemeSection,
    WebAddress,
    WebhookSection,
    parse_web_address,
)

__all__ = [
    "CONFIG_NAME",
    "LOOPBACK",
    "Config",
    "EventKind",
    "HexColour",
    "PublicationSettings",
    "Share",
    "SignupSection",
    "SponsorSection",
    "ThemeSection",
    "WebAddress",
    "WebhookSection",
    "find_config",
    "load_publication",
    "parse_web_address",
    "secret",
]
