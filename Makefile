# Everything that a developer runs; `make` alone lists it.
# The environment is made once, in .venv, from requirements-dev.txt (exact versions, with hashes).

VENV ?= .venv
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
BIN := $(VENV)/bin
READY := $(VENV)/.made-from-lock

.DEFAULT_GOAL := help
.PHONY: help demo test quick needs soak check format lint types imports golden bench rules translations pictures lock clean

help:  ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 21

demo: $(READY)  ## Build the newest sample issue and send it to 1,000 sample readers, into .eml files
	@BIN=$(BIN) bench/demo.sh

test: $(READY) needs  ## Run every test; first install the programs they need (INSTALL=no: only list them)
	$(BIN)/pytest -n auto

quick: $(READY)  ## Run the tests without browser, PostgreSQL, other processes and real waiting: about a minute
	$(BIN)/pytest -n auto -m "not browser and not process and not postgresql and not slow"

needs:
	@"$(PYTHON)" tools/test_needs.py

soak: $(READY) needs  ## Run the long tests: 1,000 kills of a sender, 600 kills of workers and runners, 2,000 schedules, 20,000 issue files, 2,000 documents in HTML and text, a rate of one a second, 10,000 sign-ups from one address, 20,000 hostile requests, 6,000 readers who leave during a campaign, figures of 50,000 readers and 30 campaigns, 10,000 generated requests to the API, 50 kills during its writes, a list of 15,000,000 readers after 200 campaigns (it takes 40 GB of disk)
	NEWSLETTER_SHARED_READERS=100000 NEWSLETTER_SHARED_KILLS=300 NEWSLETTER_SHARED_RATE=200/s NEWSLETTER_SHARED_PATIENCE=3600 \
		$(BIN)/pytest -s tests/acceptance/test_shared_kill.py
	NEWSLETTER_SOAK=1 NEWSLETTER_KILLS=1000 NEWSLETTER_SCHEDULES=2000 NEWSLETTER_API_EXAMPLES=450 NEWSLETTER_API_KILLS=50 NEWSLETTER_MERGES=200 \
		$(BIN)/pytest -s --timeout 0 tests/acceptance/test_kill.py tests/acceptance/test_leaving.py tests/sending/test_pacing.py tests/test_zones.py tests/checks/test_fuzz.py tests/rendering/test_any_document.py tests/web/public/test_attacks.py tests/web/test_hostile_requests.py tests/figures/test_truth.py tests/web/api/test_schemathesis.py tests/web/api/test_serve.py tests/remote/test_publish_on_merge.py
	NEWSLETTER_POSTGRESQL_FOLDER=/var/tmp NEWSLETTER_LARGE_READERS=15000000 NEWSLETTER_LARGE_CAMPAIGNS=200 NEWSLETTER_LARGE_DELIVERIES=30000000 \
		$(BIN)/pytest -s --timeout 0 tests/campaigns/test_large_list.py

check: format lint types imports test  ## Run everything that must pass before a commit

format: $(READY)  ## Check the layout of the code (`ruff format` writes it)
	$(BIN)/ruff format --check --quiet .

lint: $(READY)  ## Check ruff's rules
	$(BIN)/ruff check .

types: $(READY)  ## Check types with mypy --strict
	$(BIN)/mypy

imports: $(READY)  ## Check the contracts about imports in pyproject.toml
	$(BIN)/lint-imports --no-logo

bench: $(READY)  ## Measure against what people use today, as ratios within one run
	$(BIN)/python -m bench

rules: $(READY)  ## Write docs/checks.md again, after a change of the rules
	$(BIN)/python docs/rules.py

translations: $(READY)  ## Add new words of the templates to templates/translations/; CODE=it begins a language
	$(BIN)/python tools/translations.py $(CODE)

pictures: $(READY)  ## Take the README's pictures again, from a sent message and the preview (needs Chromium)
	$(BIN)/python docs/screenshots.py
	$(BIN)/python docs/preview_screenshots.py

golden: $(READY)  ## Write the golden files again, after an intended change of the look
	NEWSLETTER_WRITE_GOLDEN=1 $(BIN)/pytest -q tests/rendering/test_golden.py

lock:  ## Resolve pyproject.toml into requirements-dev.txt; UPGRADE=--upgrade takes newer versions
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 $(UPGRADE) --generate-hashes \
		--no-emit-index-url --no-header --no-annotate --output-file requirements-dev.txt \
		--group dev pyproject.toml

clean:  ## Remove what the other targets made
	rm -rf $(VENV) build dist demo bench/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements-dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or newer was found; install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "make: $(PYTHON) is older than Python 3.11; name a newer one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" tools/test_needs.py venv
	"$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
