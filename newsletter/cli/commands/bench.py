"""`newsletter bench`: measure how fast this machine sends, and compare the ledger with the provider."""

from __future__ import annotations

import json

import click

from newsletter.cli.options import json_option
from newsletter.errors import NewsletterError
from newsletter.sending.bench import Measured, measure


@click.command()
@click.option(
    "--readers", default=10_000, show_default=True, type=click.IntRange(1), metavar="N", help="Readers to send to"
)
@click.option("--faults", default=2.0, show_default=True, type=click.FloatRange(0, 100), metavar="PERCENT",
              help="Share of the provider's answers that go wrong")  # fmt: skip
@click.option("--provider", default="postmark", show_default=True, type=click.Choice(("postmark", "resend", "mailgun")),
              help="The API that the made-up provider speaks")  # fmt: skip
@json_option("the figures")
def command(readers: int, faults: float, provider: str, as_json: bool) -> None:
    """Send to made-up readers through a made-up provider, and measure it.

    In a temporary folder, on this machine alone: nobody is mailed. The provider is a process of its own that
    counts what it accepts, rejects one address in a thousand, and hides some of its answers, so that the ledger
    is put to the test. `--faults 0` leaves all that out. Exit code 1 when ledger and provider disagree.

    \b
    Examples:
        newsletter bench
        newsletter bench --readers 100000 --faults 0
        newsletter bench --provider mailgun --json
    """
    measured = measure(readers, faults / 100, provider)
    click.echo(json.dumps(measured.figures) if as_json else _table(measured))
    if not measured.is_right:
        raise NewsletterError("the ledger and the provider disagree", hint="This is a bug: please report it.")


def _table(measured: Measured) -> str:
    counts, provider = measured.deliveries, measured.provider
    speed = measured.readers / max(measured.seconds, 0.001)
    finals = ("accepted", "rejected", "skipped", "unknown")
    sums = " + ".join(f"{counts[state]:,} {state}" for state in finals)
    wrong = ", ".join(f"{number} {kind}" for kind, number in sorted(provider.faults.items())) or "none"
    calls = f"{provider.calls:,} calls, {measured.twice:,} twice"
    rows = {
        "messages a second": f"{speed:,.0f}",
        "CPU per message": f"{measured.cpu_seconds / measured.readers * 1e6:,.0f} us",
        "peak memory": f"{measured.peak_mib:,.0f} MiB",
        "ledger": f"{sums} = {sum(counts.values()):,} of {measured.readers:,} readers",
        "provider": f"accepted {provider.readers:,} in {calls}; faults: {wrong}",
        "the books": "agree" if measured.is_right else "do not agree",
    }
    return "\n".join(f"{name:<18} {figure}" for name, figure in rows.items())
