"""The rule about what `newsletter new` wrote: sentences of a starter that nobody has replaced."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from newsletter.checks.context.context import Context
from newsletter.checks.context.rule import ERROR, Example, Finding, Scope, rule
from newsletter.checks.context.starter_texts import SUBJECT, Sentence, StarterTexts, Word, read_starters, sentences
from newsletter.issues.scaffold import StarterFile

STARTER_TEXT = "NL024"
"""The rule's id."""
MOST_ALONE = 3
"""Words of a sentence that is only found as a whole; a longer one is found inside a sentence, too."""
_HINT = "Write your own in its place, or remove it."


@rule(
    STARTER_TEXT,
    ERROR,
    Scope.SOURCE,
    summary="A sentence is the one that `newsletter new` wrote, and nobody has replaced it.",
    why="A starter shows where to write; readers would get its sentences instead of news.",
    fix="Write your own in its place, or remove it. In a starter of your own, mark what every issue says: "
    "`<!-- nl-ignore NL024: our farewell -->` above the line.",
    fires=Example(body="- **Who:** one fact to a line."),
    passes=Example(body="- **Who:** Ada Lovelace, who wrote the first program."),
)
def _starter_text(context: Context) -> Iterator[Finding]:
    starters, written = read_starters(context.publication), sentences(context.source)
    findings = list(_placeholders(context, starters, written))
    if not findings and _is_nothing_else(context, starters, written):
        spot = written[0].spot
        findings = [Finding.at(spot, "nothing is written yet: every word is the starter's", hint=_HINT)]
    yield from findings


def _placeholders(context: Context, starters: StarterTexts, written: Sequence[Sentence]) -> Iterator[Finding]:
    # Most issues have none of these words in a row: looking for them as text is a hundred times faster.
    joined = [f" {' '.join(sentence.key)} " for sentence in written]
    for key, file in starters.placeholders.items():
        literal = max(" ".join(key).split(SUBJECT), key=len).strip()
        for sentence, text in zip(written, joined, strict=True):
            for at in _places(key, sentence.words) if f" {literal} " in text else ():
                length = len(sentence.words) if SUBJECT in key else len(key)
                yield _finding(context, file, sentence.words[at : at + length])


def _places(key: Sequence[str], sentence: Sequence[Word]) -> Iterator[int]:
    """Yield where a starter's sentence stands in one of the issue's; a short one only if it is all of it."""
    if SUBJECT in key:
        if _matches_subject(key, sentence):
            yield 0
    elif len(key) <= MOST_ALONE:
        if len(sentence) == len(key) and _same(key, sentence, 0):
            yield 0
    else:
        yield from (at for at in range(len(sentence) - len(key) + 1) if _same(key, sentence, at))


def _same(key: Sequence[str], sentence: Sequence[Word], at: int) -> bool:
    return all(word == sentence[at + number].text for number, word in enumerate(key))


def _matches_subject(key: Sequence[str], sentence: Sequence[Word]) -> bool:
    """Tell whether the sentence is the starter's around any subject: "Read on: $subject and what comes of it"."""
    if len(key) <= MOST_ALONE:
        return False
    parts = " ".join(key).split(SUBJECT)
    pattern = ".+".join(re.escape(part) for part in parts)
    return bool(re.fullmatch(pattern, " ".join(word.text for word in sentence)))


def _finding(context: Context, file: StarterFile, words: Sequence[Word]) -> Finding:
    spot = Sentence(words=tuple(words), is_label=False).spot
    # Emphasis may open before the first word, and close inside.
    shown = re.sub(r"[*`]", "", context.line(spot.line)[spot.column - 1 : spot.column - 1 + spot.width])
    hint = _HINT
    if file.is_own:
        hint += f" What every issue says is marked in {file.shown}: `<!-- nl-ignore NL024: why it stays -->` above it."
    return Finding.at(spot, f'this sentence is the starter\'s: "{shown}"', hint=hint)


def _is_nothing_else(context: Context, starters: StarterTexts, written: Sequence[Sentence]) -> bool:
    """Tell whether every sentence is a starter's, or a part of one: a file of which only the greeting is left."""
    subject = tuple(re.findall(r"\w+", context.written(context.issue.subject).casefold()))
    keys = [sentence.key for sentence in written if sentence.key != subject]
    known = {*starters.placeholders, *starters.kept}
    whole = {" ".join(key) for key in known}
    is_starters = all(any(" ".join(key) in sentence for sentence in whole) for key in keys)
    return is_starters and any(key in known for key in keys) and not _has_more(context)


def _has_more(context: Context) -> bool:
    """Tell whether a block shows what is no sentence of the file: a picture, or a sponsor of newsletter.toml."""
    return any(block.name in ("image", "sponsor") for block in context.blocks) or bool(context.pictures)
