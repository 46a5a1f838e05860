"""Selection: the rules to run, by `[check]` of newsletter.toml, --select and --ignore; the longest match decides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from newsletter.checks.catalogue import RULES
from newsletter.config import PublicationSettings
from newsletter.errors import ConfigError, Problem, Severity, nearest

EVERYTHING = "NL"


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The rules to run and to leave out, by their ids or the beginnings of ids: `NL210`, `NL2`."""

    select: tuple[str, ...] = (EVERYTHING,)
    ignore: tuple[str, ...] = ()

    def wants(self, rule: str) -> bool:
        """Tell whether a rule is selected; of equally long matches, the one in `ignore` wins."""
        return _longest(rule, self.select) > _longest(rule, self.ignore)

    def keeps(self, problem: Problem) -> bool:
        """Tell whether a problem is reported: its rule is selected, or `build` refuses the issue for it."""
        return self.wants(problem.rule) or is_refusal(problem)


def is_refusal(problem: Problem) -> bool:
    """Tell whether a problem is an error of the parser's: `build` refuses the file, and no option allows it."""
    return (problem.severity is Severity.ERROR and problem.rule < "NL009") or problem.rule in ("NL011", "NL012")


def _longest(rule: str, prefixes: Iterable[str]) -> int:
    return max((len(prefix) for prefix in prefixes if rule.startswith(prefix)), default=0)


def selection(publication: PublicationSettings, select: str | None = None, ignore: str | None = None) -> Selection:
    """Return the selection of newsletter.toml and the command line. --select replaces, --ignore adds.

    Raises ConfigError for a rule that does not exist.
    """
    config = publication.config.check
    for key, rules in (("select", config.select), ("ignore", config.ignore)):
        _require_known(rules, f"[check] {key}", publication.place("check", key))
    return Selection(
        select=read_rules(select, "--select") or tuple(config.select) or (EVERYTHING,),
        ignore=(*config.ignore, *read_rules(ignore, "--ignore")),
    )


def read_rules(text: str | None, option: str) -> tuple[str, ...]:
    """Return `NL210,NL4` as a list of rules. Raises ConfigError for a rule that does not exist."""
    rules = tuple(word.strip().upper() for word in (text or "").split(",") if word.strip())
    _require_known(rules, option, "")
    return rules


def _require_known(rules: Iterable[str], where: str, place: str) -> None:
    for rule in rules:
        if not any(id.startswith(rule) for id in RULES):
            near = nearest(rule, RULES)
            hint = f'Did you mean "{near}"? ' if near else ""
            hint += "Rules are listed in docs/checks.md; one is explained by `newsletter check --explain NL210`."
            raise ConfigError(f'{where}: no rule is named "{rule}"', place=place, hint=hint)
