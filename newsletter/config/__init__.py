"""newsletter.toml: every setting, its default, and what is told about a wrong one.

settings.py has the sections, the defaults and the reading of the file and of secrets; fields.py the
readers' fields and how their values are written; segments.py the rules of `[segments]`; errors.py turns
a decoder's message into one error with the key, the value and the line.

Belongs here: what a user may write in newsletter.toml. Does not: what is done with it. Nothing here
opens a database, a socket or an issue file.
"""

from newsletter.config.settings import (
    CONFIG_NAME,
    LOOPBACK,
    Config,
    HexColour,
    Publication,
    Share,
    SignupSection,
    SponsorSection,
    ThemeSection,
    WebAddress,
    find_config,
    load_publication,
    parse_web_address,
    secret,
)

__all__ = [
    "CONFIG_NAME",
    "LOOPBACK",
    "Config",
    "HexColour",
    "Publication",
    "Share",
    "SignupSection",
    "SponsorSection",
    "ThemeSection",
    "WebAddress",
    "find_config",
    "load_publication",
    "parse_web_address",
    "secret",
]
