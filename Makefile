# Every target does the whole set-up by itself. Needs: Python 3.11 or newer, make, and the package registries pip knows.
#   make demo    cluster the real data in examples/         make test   all checks and all tests
#   make bench   write the benchmark tables                 make lock   resolve requirements.lock anew
#   make docs    write the generated pages and the pictures
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip
INSTALL := $(PIP) install --quiet --disable-pip-version-check --constraint requirements.lock
# Stamps: a target is set up anew only when what it was made from has changed.
CORE := $(VENV)/.stamp-core
DEV := $(VENV)/.stamp-dev
# Two workers at most: the tests are small, and laptops have other work to do.
PYTEST_WORKERS ?= 2

.PHONY: setup demo test lint format bench docs lock clean
.DELETE_ON_ERROR:

setup: $(DEV)

demo: $(CORE)
	$(BIN)/unsnarl demo

test: lint
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS)
	NUMBA_DISABLE_JIT=1 UNSNARL_SMALL=1 $(BIN)/python -m pytest -n $(PYTEST_WORKERS) -m "not slow"

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(DEV)
	$(BIN)/python -m benchmarks

docs: $(DEV)
	$(BIN)/python docs/make_reference.py
	$(BIN)/python docs/make_pictures.py

lock: $(DEV)
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --upgrade \
	    --no-annotate --no-header --no-emit-index-url --no-emit-find-links --quiet --output-file requirements.lock

clean:
	rm -rf $(VENV) build dist .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Python 3.11's own pip is too old for dependency groups, hence the upgrade first. Built without isolation, so that
# the build tool too is the one in the lock.
$(CORE): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "unsnarl needs Python 3.11 or newer, and '$(PYTHON)' is" \
	        "$$($(PYTHON) --version 2>&1 || true). Name another one: make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python && $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	    || { rm -rf $(VENV) && $(PYTHON) -m venv $(VENV); } || { \
	    echo "'$(PYTHON) -m venv' failed; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(INSTALL) pip
	$(INSTALL) --group build
	$(INSTALL) --no-build-isolation --editable .
	@touch $@

$(DEV): $(CORE)
	$(INSTALL) --group dev
	@touch $@
