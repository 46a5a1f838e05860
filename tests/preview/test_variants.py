from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.preview.variants import Fact, Variant, variants
from tests.support.writing import built, reader


def variants_of(folder: Path, body: str, *readers: dict[str, object], front: str = "subject: Hello") -> list[Variant]:
    """The variants of an issue with this body over readers with these fields."""
    with (folder / "newsletter.toml").open("a") as settings:
        settings.write('[fields]\nplan = "text"\ncity = "text"\n')
    return variants(built(folder, body, front).message, [reader(fields) for fields in readers])


def test_a_condition_gives_two_variants_whatever_the_readers_are_called(publication_folder: Path) -> None:
    body = 'Hello {{ first_name }}.\n\n{% if plan == "pro" %}\nFor you alone.\n{% endif %}\n'
    readers: list[dict[str, object]] = [
        {"first_name": f"Reader {n}", "plan": "pro" if n % 4 == 0 else "free"} for n in range(100)
    ]

    two = variants_of(publication_folder, body, *readers)

    assert [(variant.readers, variant.example) for variant in two] == [(75, 1), (25, 0)]
    assert [variant.facts for variant in two] == [
        (Fact(subject='plan == "pro"', holds=False),),
        (Fact(subject='plan == "pro"', holds=True),),
    ]


def test_a_missing_field_is_a_variant_and_an_empty_one_is_missing(publication_folder: Path) -> None:
    body = 'Hello {{ first_name | default("there") }}.'

    two = variants_of(publication_folder, body, {"first_name": "Ada"}, {"first_name": ""}, {})

    assert [(variant.readers, variant.facts) for variant in two] == [
        (2, (Fact(subject="first_name", holds=False),)),
        (1, (Fact(subject="first_name", holds=True),)),
    ]


def test_an_issue_that_is_the_same_for_all_has_one_variant_without_facts(publication_folder: Path) -> None:
    whole = variants_of(publication_folder, "Hello, all.", {"plan": "pro"}, {"plan": "free"}, {})

    assert whole == [Variant(facts=(), readers=3, example=0)]


def test_of_several_branches_each_that_somebody_takes_is_a_variant(publication_folder: Path) -> None:
    body = '{% if plan == "pro" %}\nA\n{% elif plan %}\nB {{ city }}\n{% else %}\nC\n{% endif %}\n'

    three = variants_of(
        publication_folder, body, {"plan": "pro", "city": "Rome"}, {"plan": "pro"}, {"plan": "free"}, {}
    )

    assert [variant.readers for variant in three] == [2, 1, 1], "what stands in a branch not taken makes no difference"
    assert {fact for variant in three for fact in variant.facts if fact.subject == "plan"} == {
        Fact(subject="plan", holds=True),
        Fact(subject="plan", holds=False),
    }


def test_conditions_in_the_subject_count_too(publication_folder: Path) -> None:
    front = "subject: 'Hello{% if plan %}, {{ plan }} reader{% endif %}'"

    two = variants_of(publication_folder, "Hello.", {"plan": "pro"}, {"plan": "free"}, {}, front=front)

    assert [variant.readers for variant in two] == [2, 1]


@pytest.mark.parametrize(
    ("expression", "number"),
    [('"deal" if plan == "pro" else "offer"', 2), ('first_name if first_name else "there"', 2)],
)
def test_an_expression_that_decides_by_itself_counts_by_what_it_comes_to(
    publication_folder: Path, expression: str, number: int
) -> None:
    readers: list[dict[str, object]] = [{"plan": "pro", "first_name": "Ada"}, {"first_name": "Zoë"}, {"plan": "free"}]

    assert len(variants_of(publication_folder, f"A {{{{ {expression} }}}}.", *readers)) == number


def test_a_condition_that_fails_for_a_reader_does_not_hold(publication_folder: Path) -> None:
    body = "{% if plan > 3 %}\nMany\n{% endif %}\n"

    two = variants_of(publication_folder, body, {"plan": 4}, {"plan": "x"}, {})

    assert [variant.readers for variant in two] == [2, 1]
