"""A newsletter as code. This is the map.

    issues/...md  -parse->  Issue  -assemble->  Document (MJML)  -compile->  HTML  -+
                    |                                                               +->  CompiledMessage, frozen
                    +---------------------- plain text ----------------------------+     under its digest
                                                                                    | approve
    list, segment  -enqueue->  deliveries  -claim->  recipients  -personalise->  Message  -hand over->  provider
                                    ^------------------------- settle: accepted, rejected, unknown ---------+

Before CompiledMessage nothing knows readers; after it nothing knows Markdown or MJML. Imports
point down: cli > commands > outputs > build, sender > nouns > mailing > providers > messages >
database > config. The contracts in pyproject.toml prove it.

I want to change...                         I open...
a command                                   commands/<name>.py, and its line in cli.py
a setting                                   config.py, docs/configuration.md
what a wrong setting is told                settings_errors.py, settings_checks.py
what a new publication or issue is          templates/starter/, scaffold.py
what editors know of both                   schema.py

the steps of a build                        build.py; from file to Issue: parse.py; finding files: issues.py
a key of front matter                       issue_fields.py; the YAML itself: frontmatter.py
a kind of block                             blocks.py, templates/blocks/<name>.mjml, plaintext.py
what Markdown may say                       markdown.py, bodies.py
what merge tags may say                     expressions.py; how they are found: merge_tags.py, tag_checks.py
which mistakes an issue can have            reading.py, issue_content.py, issue_fields.py, pictures.py, news.py
what `check` complains about                checks/<family>.py, its line in checks/catalogue.py
how words of the built HTML look            checks/looks.py, of checks/css.py and checks/colours.py
which mail client shows what                checks/features.py, checks/compatibility.py; the facts: data/, by tools/
what a rule of `check` sees                 checks/context.py
which block and line a piece of HTML is of  trace.py
the look of every issue                     templates/issue.mjml, inline.css, head.css, dark.css; colours: palette.py
how templates are found and filled          theme.py, assemble.py, mjml.py
the words of the theme and the pages        templates/, templates/translations/<language>.po; `make translations`
who is spoken to in which language          translations.py
the plain text                              plaintext.py, text_flow.py, templates/issue.txt
the files `build` writes                    outputs.py
the files of `build --site`                 site.py (which issues), web/public/printed.py
the web page of an issue                    webpages.py, templates/pages/issue_head.html
the feed, the sitemap                       feed.py; how feed readers show an issue: reading_view.py
saving over nobody else's work              manuscripts.py
what an issue is compared with              versions.py; how the differences are found: differences.py
whom an issue can be shown as               sample_readers.py; who sees the same: variants.py
a test to a few addresses                   trials.py
what the preview shows                      web/preview/<part>.py, templates/preview/; how servers run: web/server.py
what acts there, and what is asked before   web/preview/acts.py, web/preview/trial.py, web/preview/planning.py
writing an issue in the browser             web/preview/edit.py, templates/preview/static/editor.js
what of a publication the preview keeps     workshop.py; lists of issues: inbox.py, heads.py, standings.py
a view: dark, no pictures, Outlook, ...     views.py; schemes.py, inversion.py, pictureless.py, outlook.py, of trees.py
pictures from disk, bytes per block         local_pictures.py, weights.py; lines around a mistake: code_frames.py
how HTML and headers are coloured           html_pieces.py
what a draft looks like                     draft.py, templates/starter/draft.md; what a source is: sources.py
what is read from feeds, pages and texts    feeds.py, articles.py, plain_pages.py, html_text.py; made safe: stories.py
whom the program may ask, and for how long  network.py (who), fetch.py (what), bars.py (the bar meanwhile)
how --online asks, and what it remembers    probe.py, verdicts.py; what it asks and says: checks/online.py

a page that readers see                     web/public/<subject>.py, templates/pages/; its address: web/public/app.py
what all of those share                     web/public/site.py, web/public/pages.py
how their changes are written                web/public/writes.py
what protects them                          web/public/guard.py, web/public/forms.py, web/public/proxies.py
the pages that are read                     web/public/<archive, feeds, pictures>.py; as text: web/public/reading.py
what of them is kept ready                  web/public/shelf.py, web/public/gallery.py, web/public/ready.py
where counted links lead                    web/public/tracking.py, web/public/targets.py
what is known of a running server           web/public/operation.py, web/public/figures.py
how long a connection may take            web/protocol.py

a header, an encoding                       mime.py; who gets which: mailing.py
how a value is made safe where it stands    escapes.py; where it stands: fragments.py; filled in: merge.py
a link that knows its reader                links.py; one that is counted: tracking.py
what happened to messages later             events.py; as a server sees it: sightings.py, robots.py

what is known of a reader                   subscribers.py, reader_fields.py, tables.py and a new migration
who joined when, and how we know            consent.py
who asked to join, and how it is confirmed  signups.py, confirmations.py; how often one may: limits.py
what slips in an address are asked about    typos.py; what tells people from robots: challenges.py
what they are mailed, and what became of it letters.py; compiled: greetings.py, templates/emails/
who carries it to the provider              postman.py
what an import takes and refuses            imports.py, entries.py, csv_files.py; what it says: import_progress.py
what an export holds                        exports.py
who a segment means                         segment_rules.py (words), segments.py (SQL)
who must never be mailed                    suppressions.py
what readers decide by their links          choices.py; why they left: parting_words.py
what is kept of a reader, and erased        holdings.py, erasure.py

what `send` would do, and what it asks      plans.py, asking.py
when a campaign may do what                 campaigns.py
which issues everybody may see              archive.py
who is written down for a campaign           audience.py; whose time each goes by: waves.py
what may become of a batch                  batches.py
what became of each delivery                deliveries.py; counted: accounts.py; one reader's: history.py
who is sent it once more                    retries.py
how that is told                            reports.py, progress.py, following.py; editors by email: notices.py
the order of claiming, sending, settling    courier.py, handover.py, recipients.py
who works on a campaign, and when            sender.py; what senders share: desk.py, jobs.py
what a dead sender leaves                   recovery.py, takeovers.py; of one message a call: marks.py
what is done about the unknown              unknowns.py; who is asked: reconcile.py
how fast we send                            throttle.py (pure), rates.py and quotas.py (shared), warmup.py
what `bench` measures, and against whom       bench.py, bench_provider.py
when a campaign waits or pauses by itself   pacing.py, breaker.py; for single readers: stragglers.py
what stops a sender                         interrupts.py, sender_lock.py; a copy: hosts.py; a backup: high_water.py
what a runner says, and its exit code       runner_log.py
what is due when, and who starts it         runner.py, schedule.py; today's issue: daily.py; who is there: heartbeat.py
how a run ends, and its exit code           endings.py
what providers fill in by themselves        substitution.py; for many readers at once: columns.py
a provider                                  providers/<name>.py, and its line in providers/__init__.py
what an exception of the network means      providers/transport.py
how a request's bytes are kept until sent   providers/body.py

what travels between the halves             messages.py
how addresses, times, slugs are written     addresses.py, times.py, slugs.py
what a time means in a time zone            zones.py; who reads the clock: clock.py
what an error is, and its exit code         errors.py
what commands share                         session.py
a column                                    tables.py, migrations/versions/000n_....py
how the database is opened                  database.py; many rows at once: rows.py
"""

__version__ = "0.1.0"
