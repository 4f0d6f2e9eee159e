# Every target makes the virtual environment that it needs from the lock: nothing has to be set up first.

PYTHON ?= python3
# Most tests wait for processes of their own more than they compute.
TEST_WORKERS ?= 4
COVERAGE_FLOOR ?= 80
ARGS ?=

VENV := .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --quiet --disable-pip-version-check install
UV := 0.13.9

export HYPOTHESIS_STORAGE_DIRECTORY := .cache/hypothesis

.DEFAULT_GOAL := help
.PHONY: help demo run test lint chaos season evidence matrix mutants bench screens lock clean
.DELETE_ON_ERROR:

help: ## this text
	@echo 'usage: make TARGET [PYTHON=python3.12] [ARGS="..."]'; echo
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  %-8s  %s\n", $$1, $$2 }'

demo: $(VENV)/runtime ## see it work: Postgres, a sandbox panel, orders of every kind, the worker
	@$(BIN)/order-sync demo $(ARGS)

run: $(VENV)/runtime ## the worker itself; ARGS="--embedded DIR" for one with its own Postgres
	@$(BIN)/order-sync run $(ARGS)

test: lint ## lint, and all tests with their coverage
	@$(BIN)/python -m pytest --quiet -n $(TEST_WORKERS) --dist worksteal \
	    --cov --cov-report=term-missing:skip-covered --cov-fail-under=$(COVERAGE_FLOOR) $(ARGS)

lint: $(VENV)/dev ## formatting, lint rules, types, who may import whom, spelling
	@$(BIN)/ruff format --check --quiet . || { echo 'make lint: run $(BIN)/ruff format .' >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@mkdir -p .cache
	@$(BIN)/lint-imports --cache-dir .cache/import_linter > .cache/import_linter.log || { cat .cache/import_linter.log >&2; exit 1; }
	@$(BIN)/codespell

chaos: $(VENV)/dev ## the long chaos run, with its figures; ARGS="--seed 1 --orders 20000 --kills 500"
	@$(BIN)/python -m tests.chaos.chaos $(ARGS)

season: $(VENV)/dev ## seasons with faults, and what audit and balance say of them; ARGS="--orders 20000 --seconds 600"
	@$(BIN)/python -m tests.acceptance.soak $(ARGS)

evidence: $(VENV)/dev ## how lost answers are settled in simulated worlds; ARGS="small --seconds 600 --seed 1" for some
	@$(BIN)/python -m tests.evidence.evidence $(ARGS)

matrix: $(VENV)/dev ## the tests on every Python, against every Postgres; ARGS="--python 3.14" for a part
	@$(BIN)/python -m tests.matrix.matrix $(ARGS)

mutants: $(VENV)/dev ## which changes to the code no unit test notices; ARGS="--sample 300 --seed 1" for others
	@$(BIN)/python -m tests.mutants.mutants $(ARGS)

# It compares with what nothing else needs, so it has an environment of its own.
bench: VENV := .cache/bench/venv
bench: .cache/bench/venv/bench ## how fast it is on this machine; ARGS="submit --orders 5000" for one scenario
	@$(BIN)/python -m tests.bench.bench $(ARGS)

screens: $(VENV)/dev ## the pictures in README.md anew, of commands in a real terminal
	@$(BIN)/python -m tests.screens.make

lock: ## requirements*.txt anew from pyproject.toml; ARGS=--upgrade for the newest of everything
	@$(PYTHON) -m venv .cache/lock
	@.cache/lock/bin/python -m pip --quiet --disable-pip-version-check install uv==$(UV)
	@for lock in 'requirements.txt --group install' 'requirements-tracing.txt --group install --extra tracing' \
	        'requirements-dev.txt --group dev --extra tracing' 'requirements-bench.txt --group bench'; do set -- $$lock; \
	    .cache/lock/bin/uv --quiet --no-config pip compile pyproject.toml --extra embedded --output-file "$$@" \
	        --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command 'make lock' \
	        --no-strip-extras --no-emit-index-url --no-emit-find-links $(ARGS) > /dev/null || exit 1; done

clean: ## remove all that make has made
	@rm -rf $(VENV) .cache build dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment holds what the lock says and no more, so a changed lock makes it anew. One for development does for
# running too.
define environment
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "order-sync needs Python 3.11 or newer; try: make PYTHON=python3.12 ...")'
@echo 'Installing $< into $(VENV) ...'
@$(PYTHON) -m venv --clear $(VENV)
@$(PIP) --require-hashes -r $< || { echo 'pip could not install them, and said why; it needs a package index to fetch from.' >&2; exit 1; }
@$(PIP) --no-index --no-deps --no-build-isolation --editable .
endef

$(VENV)/runtime: requirements.txt
	$(environment)
	@touch $@

$(VENV)/dev: requirements-dev.txt
	$(environment)
	@touch $@ $(VENV)/runtime

.cache/bench/venv/bench: requirements-bench.txt
	$(environment)
	@touch $@
