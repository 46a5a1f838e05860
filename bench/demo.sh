#!/usr/bin/env bash
# `make demo`: the newest sample issue, built, and sent to 1,000 made-up readers as .eml files.
# Everything happens in demo/, which is made anew each time. BIN is where the environment's commands are.
set -euo pipefail
cd "$(dirname "$0")/.."
bin="$(cd "${BIN:-.venv/bin}" && pwd)"

rm -rf demo && mkdir demo
cp -R newsletter.toml issues images demo/
"$bin/python" -m bench.readers 1000 > demo/readers.csv
cd demo

run() {
    printf '\n$ newsletter %s\n' "$*"
    "$bin/newsletter" "$@"
}

file="$(ls issues/*.md | tail -n 1)"
slug="$(basename "$file" .md | cut -c 12-)"

run build "$slug"
run subscribers import readers.csv
run send "$slug" --yes
run status "$slug"
run send "$slug" --yes

mailbox="$(find outbox -mindepth 1 -maxdepth 1 -type d | head -n 1)"
cat <<END

Done: one issue, $(find "$mailbox" -type f -name '*.eml' | wc -l) readers, each mailed once; the second send mailed nobody.

  demo/build/$slug/message.html   the email, for a browser
  demo/$mailbox/        every message, as a mail program opens it
  demo/newsletter.db                    readers, and the ledger of what was sent to whom

Try next, in demo/ (with $bin in your PATH):

  newsletter new "My first issue"
  newsletter build my-first-issue
  newsletter test my-first-issue --to you@example.com
  newsletter subscribers list --tag pro
  newsletter campaigns
END
