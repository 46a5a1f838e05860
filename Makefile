# Everything a developer runs; `make` alone lists it.
# The environment is made once, in .venv, from requirements-dev.txt (exact versions, with hashes).

VENV ?= .venv
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
BIN := $(VENV)/bin
READY := $(VENV)/.made-from-lock

.DEFAULT_GOAL := help
.PHONY: help demo test soak check format lint types imports golden bench rules translations pictures lock clean

help:  ## List what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

demo: $(READY)  ## Build the newest sample issue and send it to 1,000 sample readers, into .eml files
	@BIN=$(BIN) bench/demo.sh

test: $(READY)  ## Run every test
	$(BIN)/pytest -n auto

soak: $(READY)  ## The long tests: a thousand kills of a sender, 2,000 schedules, 20,000 issue files, a rate of one a second, 10,000 sign-ups from one address
	NEWSLETTER_SOAK=1 NEWSLETTER_KILLS=1000 NEWSLETTER_SCHEDULES=2000 \
		$(BIN)/pytest -s --timeout 0 tests/acceptance/test_kill.py tests/sending/test_pacing.py tests/test_times_zones.py tests/checks/test_fuzz.py tests/web/public/test_attacks.py

check: format lint types imports test  ## Everything that must pass before a commit

format: $(READY)  ## Is the code laid out as ruff lays it out (write it: ruff format)
	$(BIN)/ruff format --check --quiet .

lint: $(READY)  ## ruff's rules
	$(BIN)/ruff check .

types: $(READY)  ## mypy --strict
	$(BIN)/mypy

imports: $(READY)  ## Who may import whom (contracts in pyproject.toml)
	$(BIN)/lint-imports --no-logo

bench: $(READY)  ## Benchmarks beside what people use today, as ratios in one run
	$(BIN)/python -m bench

rules: $(READY)  ## Write docs/checks.md anew, after a change of the rules
	$(BIN)/python docs/rules.py

translations: $(READY)  ## Bring templates/translations/ in line with the words of the templates; CODE=it begins one
	$(BIN)/python tools/translations.py $(CODE)

pictures: $(READY)  ## The README's pictures anew, from a sent message and the preview (needs Chromium)
	$(BIN)/python docs/screenshots.py
	$(BIN)/python docs/preview_screenshots.py

golden: $(READY)  ## Write the golden files anew, after a change of the look that was meant
	NEWSLETTER_WRITE_GOLDEN=1 $(BIN)/pytest -q tests/rendering/test_golden.py

lock:  ## Bring requirements-dev.txt in line with pyproject.toml; UPGRADE=--upgrade takes newer versions
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
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "make: $(PYTHON) cannot make environments; on Debian: apt-get install python3-venv" >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
