#!/usr/bin/env bash
# Build the newest sample issue and send it to 1,000 made-up readers as .eml files: `make demo`.
# Everything happens in demo/, which is removed and made again in each run. BIN is the folder of the environment's commands.
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

line() {
    printf '  %-38s %s\n' "$@"
}

mailbox="$(find outbox -mindepth 1 -maxdepth 1 -type d | head -n 1)"
printf '\nDone: one issue, %d readers, each mailed once; the second send mailed nobody.\n\n' \
    "$(find "$mailbox" -type f -name '*.eml' | wc -l)"
line "demo/build/$slug/preview.html" "the email with its pictures: open it in a browser"
line "demo/build/$slug/message.html" "the email as it is sent"
line "demo/$mailbox/" "every message, as a mail program opens it"
line "demo/newsletter.db" "readers, and the ledger of what was sent to whom"
cat <<END

Try next, in demo/ (with $bin in your PATH):

  newsletter preview
  newsletter new "My first issue"
  newsletter check my-first-issue
  newsletter test my-first-issue --to you@example.com
  newsletter subscribers list --tag pro
  newsletter campaigns
END
