"""A newsletter as code. This is the map: open a package's `__init__.py` for its files.

    issues/...md  -parse->  Issue  -assemble->  Document (MJML)  -compile->  HTML  -+
                    |                                                               +->  CompiledMessage, frozen
                    +---------------------- plain text ----------------------------+     under its digest
                                                                                    | approve
    list, segment  -enqueue->  deliveries  -claim->  recipients  -personalise->  Message  -hand over->  provider
                                    ^------------------------- settle: accepted, rejected, unknown ---------+

    cli/            the commands: options, words, exit codes
    web/            the servers: readers' pages (web/public), the author's preview (web/preview)
    publishing/     plan a send, start it on time, today's issue, editors' alerts, test sends
    preview/        what the preview shows: views, versions, sample readers
    sending/        from claim to settle: threads, waiting, rates, crashes
    checks/         what is wrong with an issue, line by line; checks/rules/ has the rules
    campaigns/      the ledger: campaigns, audiences, deliveries, what became of them
    rendering/      an Issue becomes HTML, text and a web page; the theme's templates are in templates/
    subscribers/    readers: consent, sign-ups, preferences, imports, segments, suppressions
    issues/         issue files: front matter, blocks, Markdown, images, scaffolds, drafts
    providers/      one file per mail provider, and the transport they share
    database/       tables, migrations, connections
    messages/       the compiled message, merge tags, each reader's copy, MIME
    config/         newsletter.toml

    signed_links.py  links that know their reader        fetch.py      one request to the web, bounded
    network.py       which addresses may be asked        signals.py    what stops a sender or a server
    times.py         durations, rates, clocks, zones     addresses.py  email addresses
    errors.py        every error, and its exit code

Imports point down in this order; the contracts in pyproject.toml prove it. Before CompiledMessage nothing knows
readers; after it nothing knows Markdown or MJML.
"""

__version__ = "0.1.0"
