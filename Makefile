# Each target does all its set-up: a machine with Python 3.11 or newer, git and make is enough.
#   make demo PYTHON=python3.13    uses another Python
#   make quick ARGS="-x -k latency"    hands more words to pytest

PYTHON ?= python3
BIN := .venv/bin
ROOMS := $(patsubst %/__init__.py,%,$(wildcard */__init__.py))
QUICK := tests/faults tests/proxy tests/wire tests/configs tests/control

# The tests start some thousand processes, each of which would compile what it imports once more.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo quick test docs site lint bench clean

demo: .venv/.base
	$(BIN)/brownout demo

quick: .venv/.test
	$(BIN)/python -m pytest -q -n auto -m "not slow" $(QUICK) $(ARGS)

test: .venv/.test
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

docs: .venv/.test
	BROWNOUT_WRITE_DOCS=1 $(BIN)/python -m pytest -q tests/docs/test_faults.py tests/docs/test_journal.py tests/real/test_felt.py tests/real/test_http_felt.py

site: .venv/.test
	$(BIN)/mkdocs build --strict

lint: .venv/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	ln -sfn "$(CURDIR)" .venv/lint/brownout
	MYPYPATH=.venv/lint $(BIN)/mypy $(ROOMS:%=-p brownout.%)
	MYPYPATH=.venv/lint:. $(BIN)/mypy --explicit-package-bases -p bench
	$(BIN)/lint-imports

bench: .venv/.test
	$(BIN)/python -m bench $(ARGS)

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Brownout needs Python 3.11 or newer; make PYTHON=python3.13 names another one")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip >= 25.1"

.venv/.base: .venv/bin/python pyproject.toml
	PYTHONWARNINGS="ignore:Editable installation" $(BIN)/python -m pip install --quiet --editable ".[demo]"
	touch $@

.venv/.test: .venv/.base
	$(BIN)/python -m pip install --quiet --group test
	touch $@

.venv/.lint: .venv/.base
	$(BIN)/python -m pip install --quiet --group lint
	mkdir -p .venv/lint
	touch $@

clean:
	rm -rf .venv build dist site *.egg-info
