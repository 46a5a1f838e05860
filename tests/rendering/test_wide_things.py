"""Long words, addresses, code, tables and pictures in every block, in Chromium: nothing bursts the email."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from newsletter.preview.outlook import in_outlook
from tests.support.programs import chromium
from tests.support.rendered_email import CONTRASTS, Scheme, Studio, build, publish

WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
ADDRESS = "https://example.com/a/long/address/that/never/ends/and/has/no/spaces/in/it?one=two&three=four_five_six"
THINGS = f"""{WORD} and `{WORD.lower()}` and <{ADDRESS}>.

## {WORD}

- {WORD}
  - ![A chip](images/chips.png)

    > > {WORD}

```
{WORD} = {WORD}({ADDRESS})
```

| Country | Exports 2024 | Imports 2024 | Balance | Change | Remarks |
|---|---:|---:|---:|:---:|---|
| Netherlands | 1,234,567,890 | 987,654,321 | 246,913,569 | +12.3 % | ![A chip](images/chips.png) |
| {WORD} | 1 | 2 | 3 | 4 | `{WORD}` |

> ![A chip](images/chips.png)

1. ![A chip](images/chips.png)
"""
WIDE = f"""---
subject: "{WORD} and other things that are wide"
date: 2025-01-17
---
{THINGS}

:::article title="{WORD}" url=https://example.com/a source="{WORD}" label="{WORD}" author="{WORD}"
{THINGS}
:::

:::note title="{WORD}"
{THINGS}
:::

:::quote by="{WORD}"
{THINGS}
:::

:::sponsor name="{WORD}" url=https://example.com/s image=images/acme.png alt="Acme"
{THINGS}
:::

:::news title="{WORD}"
- ![A camera](images/thumb-camera.png) **[{WORD}](https://example.com/1)** <{ADDRESS}>
- {WORD} ![A chip](images/chips.png)
:::

:::image src=images/chips.png alt="A chip" caption="{WORD}" /

:::button https://example.com/read
{WORD}
:::
"""


CHIP = "![A chip](images/chips.png)"
PICTURED = f"""{CHIP}

- one
  - {CHIP}

    > > {CHIP}

> 1. {CHIP}

| A | B |
|---|---|
| {CHIP} | words |
"""
PICTURES = f"""---
subject: "Pictures in every place there is"
date: 2025-01-17
---
{PICTURED}
:::article title=Story image=images/chips.png alt="A chip"
{PICTURED}
:::

:::note title=Note
{PICTURED}
:::

:::quote
{PICTURED}
:::

:::sponsor name=Acme
{PICTURED}
:::

:::sponsor name=Acme image=images/acme.png alt="Acme"
{PICTURED}
:::

:::news
- ![A camera](images/thumb-camera.png) **Title** {CHIP}
- Words {CHIP}
:::
"""


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    out = tmp_path_factory.mktemp("built")
    build(out, publish(tmp_path_factory.mktemp("wide") / "p", wide=WIDE), "wide")
    build(out, publish(tmp_path_factory.mktemp("pictures") / "p", pictures=PICTURES), "pictures")
    build(out, publish(tmp_path_factory.mktemp("arabic") / "p", language="ar", arabic=WIDE), "arabic")
    with chromium() as browser:
        yield Studio(browser=browser, folder=out)


@pytest.mark.parametrize("slug", ["wide", "arabic"])
@pytest.mark.parametrize("width", [320, 375, 1280])
def test_nothing_wide_makes_the_email_scroll_sideways(studio: Studio, slug: str, width: int) -> None:
    with studio.page(slug, width) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == width
        cards = page.eval_on_selector_all(".card", "cards => cards.map(card => card.offsetWidth)")
    assert set(cards) == {min(width, 600)}


def test_pictures_do_not_widen_a_column_in_outlook_for_windows(studio: Studio) -> None:
    with studio.page("pictures", 1280, change=in_outlook) as page:
        widths = page.eval_on_selector_all("table[width='600']", "tables => tables.map(table => table.offsetWidth)")
    assert set(widths) == {600}


@pytest.mark.parametrize("width", [320, 1280])
def test_words_and_figures_of_a_table_are_not_broken(studio: Studio, width: int) -> None:
    with studio.page("wide", width) as page:
        lines = page.evaluate(
            """() => [...document.querySelectorAll(".wide td")].filter(cell => cell.innerText === "1,234,567,890")
            .map(cell => { const range = document.createRange(); range.selectNodeContents(cell);
            return range.getClientRects().length })"""
        )
    assert lines == [1] * 5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_in_every_block_can_be_read(studio: Studio, scheme: Scheme) -> None:
    with studio.page("wide", 375, scheme) as page:
        assert [text for text in page.evaluate(CONTRASTS) if text[1] < 4.5] == []
