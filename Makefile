# One command for each thing a newcomer does. Needs Python 3.11 or 3.12 with venv, and make; nothing else, and no root.
# The environment is installed again only when the requirements change (the stamp's name holds their hash).

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
# A name on PATH is not enough: it must start, and be one of the two.
FITS := import sys, venv, ensurepip; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))
PYTHON ?= $(shell for name in python3.12 python3.11 python3 python; do \
	if $$name -c '$(FITS)' >/dev/null 2>&1; then command -v $$name; break; fi; done)
hash = $(firstword $(shell cat $(1) | sha256sum | cut -c1-16))
RUN_STAMP := $(VENV)/.installed-run-$(call hash,requirements.txt)
DEV_STAMP := $(VENV)/.installed-dev-$(call hash,requirements-dev.txt)
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --no-input --require-hashes
PYTEST := $(PY) -m pytest -q -n 2

.PHONY: help run setup demo test lint bench explore faults lock docs clean
.SILENT:

help: ## This list
	grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 8

run: $(RUN_STAMP) ## Serve http://127.0.0.1:8000 with the example study (PORT=, MAIL_PORT= choose others)
	exec $(PY) -m config.local.run

setup: $(RUN_STAMP) ## Install, and write the settings that manage.py needs
	$(PY) -m config.local.env

demo: $(RUN_STAMP) ## The example study's whole life, checked: summary and releases in var/demo/
	exec $(PY) -m config.local.demo

test: lint ## Everything: checks, then all tests on SQLite and on a real PostgreSQL
	TEST_DB=sqlite $(PYTEST)
	TEST_DB=postgres $(PYTEST)

lint: $(DEV_STAMP) ## Style, types, layers
	$(PY) -m ruff check .
	$(PY) -m mypy .
	$(BIN)/lint-imports --no-logo

bench: $(DEV_STAMP) ## Benchmarks; they print ratios
	for file in bench/[a-z]*.py; do echo "== $$file"; PYTHONPATH=. $(PY) $$file; done

explore: $(DEV_STAMP) ## Property tests with thousands of new examples; the suite runs the same ones each time
	TEST_DB=sqlite $(PYTEST) -m hypothesis --hypothesis-profile=explore

faults: $(DEV_STAMP) ## 10,000 letters under each fault and under all at once; a table, and what must hold
	exec $(PY) -m tests.faults

docs: $(DEV_STAMP) ## Make the documents that follow from the code
	$(PY) docs/make.py

lock: ## Compile the requirements with hashes, for Python 3.11.0 upwards (needs uv on PATH)
	PATH="$$PATH:$(BIN)"; command -v uv >/dev/null || { echo "make lock needs uv: see docs.astral.sh/uv." >&2; exit 1; }; \
	for name in requirements requirements-openbao requirements-aws requirements-dev; do \
		uv pip compile --quiet --universal --generate-hashes --python-version 3.11.0 --no-header \
			--no-emit-index-url $$name.in -o $$name.txt; done

clean: ## Remove caches and the demo; your data in var/ stays
	rm -rf .mypy_cache .ruff_cache .import_linter_cache .hypothesis var/demo
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(PY):
	if [ -z "$(PYTHON)" ]; then \
		echo "Gjensyn needs Python 3.11 or 3.12 with its venv module, and none was found on PATH." >&2; \
		echo "On Debian or Ubuntu: apt-get install python3 python3-venv. Or name one: make PYTHON=/path/to/python3.12" >&2; \
		exit 1; fi
	if ! "$(PYTHON)" -c '$(FITS)' 2>/dev/null; then \
		echo "$(PYTHON) is not a Python 3.11 or 3.12 with its venv module." >&2; exit 1; fi
	echo "Making $(VENV) with $$("$(PYTHON)" --version)"
	"$(PYTHON)" -m venv --clear $(VENV)

$(RUN_STAMP): | $(PY)
	echo "Installing what the service runs on; this happens once."
	$(PIP) -r requirements.txt
	rm -f $(VENV)/.installed-run-*
	touch $@

$(DEV_STAMP): | $(PY)
	echo "Installing what tests and checks need; this happens once."
	$(PIP) -r requirements-dev.txt
	rm -f $(VENV)/.installed-dev-* $(VENV)/.installed-run-*
	touch $(RUN_STAMP) $@
