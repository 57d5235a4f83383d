# One command each; `make help` prints them.
PYTHON ?= python3
BIN := .venv/bin
# Somebody who watches sees what is downloaded; a log does not need it (make tells whether its output is a terminal).
PIP_INSTALL = pip install $(if $(MAKE_TERMOUT),,--quiet) --disable-pip-version-check --no-deps
.DEFAULT_GOAL := help
# Where it is set, each process compiles all it imports anew: a server starts in 2.4 s instead of 1.7.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help setup demo run test test-slow test-reference test-clients test-browser test-browser-late screenshots llm servers servers-stop test-servers test-faults chaos-servers check format bench bench-model bench-chat bench-reading soak chaos lock clean

help: ## print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

# A stamp per lock file: a second run of any target finds it and does nothing.
.venv/core.stamp: requirements/core.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Seoga needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 setup")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing the core set (no torch): some 470 MB, two to ten minutes, 1.1 GB on the disk …"
	@$(BIN)/$(PIP_INSTALL) -r requirements/core.txt
	@$(BIN)/$(PIP_INSTALL) -e .
	@touch $@

.venv/test.stamp: .venv/core.stamp requirements/test.txt
	@echo "Installing the test tools …"
	@$(BIN)/$(PIP_INSTALL) -r requirements/test.txt
	@touch $@

.venv/reference.stamp: .venv/test.stamp requirements/reference.txt
	@echo "Installing the reference engine (sentence-transformers, torch) …"
	@$(BIN)/$(PIP_INSTALL) -r requirements/reference.txt
	@touch $@

setup: .venv/core.stamp ## make .venv with the core set

demo: .venv/core.stamp ## set up, then upload, process and search the sample files
	@$(BIN)/python -m benchmarks.demo

run: .venv/core.stamp ## serve on http://127.0.0.1:8000 (SEOGA_* settings apply)
	@$(BIN)/seoga serve

# Left out here, each has a target of its own.
OTHERS = not chaos and not reference and not clients and not servers and not chaos_servers and not browser
# Each process has a share of the tests in their order, so that what a file opens once is opened once, and takes of the
# others what these have not begun. On two cores three processes take 6:12 where two take 8:29: tests wait a lot.
# What is slow keeps both cores busy by itself.
THREE = -n 3 --dist worksteal
TWO = -n 2 --dist worksteal
# A test that may take minutes has a limit of its own; what no signal can interrupt is ended after all of them.
LONG = -o faulthandler_timeout=1000

test: .venv/test.stamp ## set up and run the default tests (no network, no server)
	@$(BIN)/pytest $(THREE) -m "not slow and $(OTHERS)"

test-slow: .venv/test.stamp ## the tests that take minutes: crashes, several whole servers
	@$(BIN)/pytest $(TWO) $(LONG) -m "slow and $(OTHERS)"

test-reference: .venv/reference.stamp ## compare the engines with sentence-transformers
	@$(BIN)/pytest -m reference

.clients/stamp: requirements/clients.txt
	@test -x .clients/bin/python || $(PYTHON) -m venv .clients
	@echo "Installing what reads the OpenAPI document (schemathesis, a client generator) …"
	@.clients/bin/$(PIP_INSTALL) -r requirements/clients.txt
	@touch $@

# Where there is no Node.js, the test of the TypeScript client says so.
.clients/node/stamp: tests/end_to_end/typescript/package.json tests/end_to_end/typescript/package-lock.json
	@mkdir -p .clients/node && cp $^ .clients/node
	@if command -v npm >/dev/null; then npm ci --prefix .clients/node --no-audit --no-fund --silent; fi
	@touch $@

# Where there is no Node.js, the test of Context7 on its real server is skipped and says so.
.clients/context7/stamp: tests/end_to_end/context7/package.json tests/end_to_end/context7/package-lock.json
	@mkdir -p .clients/context7 && cp $^ .clients/context7
	@if command -v npm >/dev/null; then npm ci --prefix .clients/context7 --no-audit --no-fund --silent; fi
	@touch $@

test-clients: .venv/test.stamp .clients/stamp .clients/node/stamp .clients/context7/stamp ## what the OpenAPI document allows and forbids, two generated clients, and Context7 on its real server
	@$(BIN)/pytest -n 0 -m clients -o faulthandler_timeout=3600

.venv/browser.stamp: .venv/test.stamp requirements/browser.txt
	@echo "Installing what drives a browser …"
	@$(BIN)/$(PIP_INSTALL) -r requirements/browser.txt
	@touch $@

test-browser: .venv/browser.stamp ## the pages in a real headless Chromium (Debian: apt-get install chromium)
	@$(BIN)/pytest -n 2 --dist loadfile $(LONG) -m browser

test-browser-late: .venv/browser.stamp ## the same, where every answer comes late and in another order
	@SEOGA_TEST_LATE_MILLISECONDS=800 $(BIN)/pytest -n 2 --dist loadfile $(LONG) -m browser

screenshots: .venv/browser.stamp ## make the pictures in docs/screenshots anew
	@PYTHONPATH=src:.:tests $(PYTHON) samples/make_screenshots.py

# It needs no environment of ours: what it runs are other people's programs.
SERVERS = PYTHONPATH=tests $(PYTHON) -m servers

servers: ## start Kafka, a MongoDB-wire server, Redis, PostgreSQL and a language model in .servers/ (all or NAMES="kafka redis")
	@$(SERVERS) up $(NAMES)

llm: ## start a small language model to try answers with (130 MB; part of `make servers`)
	@$(SERVERS) up llm

servers-stop: ## end what `make servers` started (data and ports stay in .servers/)
	@$(SERVERS) down

# Those that run are expected: with CI=true a test that misses one of them fails instead of being skipped.
test-servers: .venv/test.stamp ## test the adapters of Kafka, MongoDB, Qdrant and Redis on servers
	@$(SERVERS) kinds
	@SEOGA_EXPECT_SERVERS="$${SEOGA_EXPECT_SERVERS-$$($(SERVERS) names)}" $(BIN)/pytest -n 2 --dist loadgroup $(LONG) -m "servers and not chaos_servers" --ignore tests/end_to_end/server_faults

test-faults: .venv/test.stamp ## stop, pause and cut servers under load, 10 s each
	@SEOGA_EXPECT_SERVERS="$${SEOGA_EXPECT_SERVERS-$$($(SERVERS) names)}" $(BIN)/pytest -n 0 -s $(LONG) -m "servers and not chaos_servers" tests/end_to_end/server_faults

chaos-servers: .venv/test.stamp ## stop, pause and kill servers under load for a minute each (long)
	@SEOGA_EXPECT_SERVERS="$${SEOGA_EXPECT_SERVERS-$$($(SERVERS) names)}" $(BIN)/pytest -n 0 -s -m chaos_servers

check: .venv/test.stamp ## format, lint, types, import rules, the default tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(MAKE) --no-print-directory test

format: .venv/test.stamp ## format and sort imports
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

bench: .venv/reference.stamp ## measure everything against its baseline; writes benchmarks/results.json
	@$(BIN)/python -m benchmarks

bench-model: .venv/reference.stamp ## measure the model alone: engines, loading, memory, sharing over HTTP
	@$(BIN)/python -m benchmarks model

bench-chat: .venv/core.stamp ## measure answers alone: do quotes hold, is nothing made up, how soon, 50 at once (SEOGA_BENCH_SHELF=FOLDER keeps the shelf)
	@$(BIN)/python -m benchmarks chat

bench-reading: .venv/test.stamp ## measure reading alone: pages a second, snippets found, tables, large files
	@$(BIN)/python -m benchmarks reading

soak: .venv/core.stamp ## an hour of changes and searches: nothing may grow (SOAK_MINUTES=60)
	@$(BIN)/python -m benchmarks soak

chaos: .venv/test.stamp ## the long crash tests (minutes)
	@$(BIN)/pytest -m chaos -n 0 -o faulthandler_timeout=3600

lock: ## renew requirements/*.txt
	@requirements/lock.sh

clean: ## remove .venv and caches (never your data)
	@rm -rf .venv .clients .browser .mypy_cache .ruff_cache .pytest_cache .hypothesis
