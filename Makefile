# One command each; `make help` prints them.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help setup demo run test test-slow test-reference test-clients servers servers-stop test-servers test-faults chaos-servers check format bench bench-model soak chaos lock clean

help: ## print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

# A stamp per lock file: a second run of any target finds it and does nothing.
.venv/core.stamp: requirements/core.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Seoga needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 setup")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing the core set (no torch) …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r requirements/core.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

.venv/test.stamp: .venv/core.stamp requirements/test.txt
	@echo "Installing the test tools …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r requirements/test.txt
	@touch $@

.venv/reference.stamp: .venv/test.stamp requirements/reference.txt
	@echo "Installing the reference engine (sentence-transformers, torch) …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r requirements/reference.txt
	@touch $@

setup: .venv/core.stamp ## make .venv with the core set

demo: .venv/core.stamp ## set up, then upload, process and search the sample files
	@$(BIN)/python -m benchmarks.demo

run: .venv/core.stamp ## serve on http://127.0.0.1:8000 (SEOGA_* settings apply)
	@$(BIN)/seoga serve

# Left out here, each has a target of its own.
OTHERS = not chaos and not reference and not clients and not servers and not chaos_servers
# Each process has half of the tests in their order, so that what a file opens once is opened once, and takes of the
# other what that has not begun: 304 s of processor time, where blocks handed out in turn took 312.
TWO = -n 2 --dist worksteal

test: .venv/test.stamp ## set up and run the default tests (no network, no server)
	@$(BIN)/pytest $(TWO) -m "not slow and $(OTHERS)"

test-slow: .venv/test.stamp ## the tests that take minutes: crashes, several whole servers
	@$(BIN)/pytest $(TWO) -m "slow and $(OTHERS)"

test-reference: .venv/reference.stamp ## compare the engines with sentence-transformers
	@$(BIN)/pytest -m reference

.clients/stamp: requirements/clients.txt
	@test -x .clients/bin/python || $(PYTHON) -m venv .clients
	@echo "Installing what reads the OpenAPI document (schemathesis, a client generator) …"
	@.clients/bin/pip install --quiet --disable-pip-version-check --no-deps -r requirements/clients.txt
	@touch $@

test-clients: .venv/test.stamp .clients/stamp ## what the OpenAPI document allows and forbids, and a generated client
	@$(BIN)/pytest -n 0 -m clients

# It needs no environment of ours: what it runs are other people's programs.
SERVERS = PYTHONPATH=tests $(PYTHON) -m servers

servers: ## start Kafka, a MongoDB-wire server, Redis and PostgreSQL in .servers/ (all or NAMES="kafka redis")
	@$(SERVERS) up $(NAMES)

servers-stop: ## end what `make servers` started (data and ports stay in .servers/)
	@$(SERVERS) down

# Those that run are expected: with CI=true a test that misses one of them fails instead of being skipped.
test-servers: .venv/test.stamp ## test the adapters of Kafka, MongoDB, Qdrant and Redis on servers
	@$(SERVERS) kinds
	@SEOGA_EXPECT_SERVERS="$${SEOGA_EXPECT_SERVERS-$$($(SERVERS) names)}" $(BIN)/pytest -n 2 --dist loadgroup -m "servers and not chaos_servers" --ignore tests/end_to_end/server_faults

test-faults: .venv/test.stamp ## stop, pause and cut servers under load, 10 s each
	@SEOGA_EXPECT_SERVERS="$${SEOGA_EXPECT_SERVERS-$$($(SERVERS) names)}" $(BIN)/pytest -n 0 -s -m "servers and not chaos_servers" tests/end_to_end/server_faults

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

soak: .venv/core.stamp ## an hour of changes and searches: nothing may grow (SOAK_MINUTES=60)
	@$(BIN)/python -m benchmarks soak

chaos: .venv/test.stamp ## the long crash tests (minutes)
	@$(BIN)/pytest -m chaos -n 0 -o faulthandler_timeout=3600

lock: ## renew requirements/*.txt
	@requirements/lock.sh

clean: ## remove .venv and caches (never your data)
	@rm -rf .venv .clients .mypy_cache .ruff_cache .pytest_cache .hypothesis
