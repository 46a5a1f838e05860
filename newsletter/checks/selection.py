"""Which rules count: `[check]` of newsletter.toml, then --select and --ignore; the longest match decides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from newsletter.checks.catalogue import RULES
from newsletter.config import Publication
from newsletter.errors import ConfigError, Problem, Severity, nearest

EVERYTHING = "NL"


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Ids, or what ids begin with: `NL210`, `NL2`."""

    select: tuple[str, ...] = (EVERYTHING,)
    ignore: tuple[str, ...] = ()

    def wants(self, rule: str) -> bool:
        """Whether a rule counts; of equally long matches, the one that ignores."""
        return _longest(rule, self.select) > _longest(rule, self.ignore)

    def keeps(self, problem: Problem) -> bool:
        """Whether a problem is told; what keeps an issue from being built always is."""
        return self.wants(problem.rule) or is_refusal(problem)


def is_refusal(problem: Problem) -> bool:
    """Whether it is an error of the parser's: `build` refuses the file, and nobody can wave it through."""
    return (problem.severity is Severity.ERROR and problem.rule < "NL009") or problem.rule in ("NL011", "NL012")


def _longest(rule: str, prefixes: Iterable[str]) -> int:
    return max((len(prefix) for prefix in prefixes if rule.startswith(prefix)), default=0)


def selection(publication: Publication, select: str | None = None, ignore: str | None = None) -> Selection:
    """From newsletter.toml and the command line; --select replaces, --ignore adds. Raises ConfigError."""
    config = publication.config.check
    for key, rules in (("select", config.select), ("ignore", config.ignore)):
        _known(rules, f"[check] {key}", publication.place("check", key))
    return Selection(
        select=read_rules(select, "--select") or tuple(config.select) or (EVERYTHING,),
        ignore=(*config.ignore, *read_rules(ignore, "--ignore")),
    )


def read_rules(text: str | None, option: str) -> tuple[str, ...]:
    """`NL210,NL4` as rules. Raises ConfigError when there are none such."""
    rules = tuple(word.strip().upper() for word in (text or "").split(",") if word.strip())
    _known(rules, option, "")
    return rules


def _known(rules: Iterable[str], where: str, place: str) -> None:
    for rule in rules:
        if not any(id.startswith(rule) for id in RULES):
            near = nearest(rule, RULES)
            hint = f'Did you mean "{near}"? ' if near else ""
            hint += "Rules are listed in docs/checks.md; one is explained by `newsletter check --explain NL210`."
            raise ConfigError(f'{where}: no rule is named "{rule}"', place=place, hint=hint)
