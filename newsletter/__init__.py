"""A newsletter as code. This is the map: find the package here, then the file in the package's `__init__.py`.

    issues/...md  -parse->  Issue  -assemble->  Document (MJML)  -compile->  HTML  -+
                    |                                                               +->  CompiledMessage, frozen
                    +---------------------- plain text ----------------------------+     under its digest
                                                                                    | approve
    list, segment  -enqueue->  deliveries  -claim->  recipients  -personalise->  Message  -hand over->  provider
                                    ^------------------------- settle: accepted, rejected, unknown ---------+

    cli/            the commands, one file each: options, questions, printed tables and progress bars, exit codes
    web/            the servers: web/public is the readers' pages, web/preview the author's preview in the browser,
                    web/api what other programs use
    publication/    what commands, the HTTP API and Python programs have in common: newsletter.Publication
    remote/         a repository of issues and the server that sends them: `newsletter push`
    report/         what a change does to issues, with pictures, for a pull request
    doctor/         what would keep mail from arriving: settings, the provider's account, DNS, links, webhooks
    publishing/     plan a send, start it on time, the daily issue, alerts and reports to the editors, welcomes
    distributed/    many machines: workers, their jobs in PostgreSQL, the leader, what happens to a dead one's batches
    preview/        what the preview shows: views (dark, Outlook, no images), comparisons, sample readers
    sending/        from claim to settle: sender threads, rates, warm-up, waiting, crashes, transactional messages
    figures/        what people look at afterwards: growth, campaigns side by side, links, mailbox providers
    events/         what providers report: verified calls, bounces, complaints, suppressions, campaigns that are paused
    checks/         what is wrong with an issue: checks/rules has the rules, the rest runs, prints and fixes them
    campaigns/      campaigns and the ledger: states, audiences, leases, outcomes, schedules, retries, opens and clicks
    rendering/      an Issue becomes HTML, plain text, a web page, a feed; colours and translations of the theme
    subscribers/    readers: consent, sign-ups, preferences, CSV import and export, segments, suppressions
    outbound/       other programs are told what happened: webhooks, signed, queued, tried again for a day
    counters/       numbers kept while readers, deliveries and events are written, so that nobody counts a million rows
    issues/         issue files: front matter, blocks and their fields, Markdown, images; new files and drafts
    providers/      one file per mail provider, for both directions; the HTTP transport they share, the kinds of a "no"
    forge/          the git repository of a publication, and the API of GitHub or GitLab
    database/       tables, migrations, connections; large sets of rows
    messages/       the compiled message, merge tags, escaping, each reader's copy with its headers, MIME bytes
    config/         newsletter.toml: every setting with its default, the errors about wrong ones; the readers' columns

    signed_links.py  the tokens in readers' links        fetch.py      one request to the web, with limits
    network.py       which addresses may be asked        signals.py    Ctrl-C and SIGTERM
    rates.py         rates, quotas, warm-up plans        addresses.py  email addresses
    times.py         durations, moments, zones, clock    errors.py     every error, and its exit code
    private_files.py files that only their owner reads   printable.py  text that cannot steer a terminal
    characters.py    which ones no text may have         relative_times.py  "tomorrow 7am", "in 20 minutes"
    api_keys.py      keys of other programs, and what each may do

Beside the package: templates/ has everything that a designer touches (the emails' MJML and styles, the readers' pages,
the preview's pages, translations), docs/glossary.md the words, tests/ mirrors the packages.

Imports point down in this order; the contracts in pyproject.toml prove it. The code before CompiledMessage knows no
readers; the code after it knows no Markdown and no MJML.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from newsletter.publication.publication import Publication

__version__ = "0.1.0"
__all__ = ["Publication", "__version__"]


def __getattr__(name: str) -> Any:
    """Import Publication when it is first used: commands that do not need it load nothing of it."""
    if name == "Publication":
        from newsletter.publication.publication import Publication

        return Publication
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
