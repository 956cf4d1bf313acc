# make demo   environment, installation, one comparison of allocators
# make test   environment, installation, linters, types, tests
# make docs   environment, installation, the documentation as a site: build/site/index.html
# make sionna-agrees   of these tests, those that compare the channel with Sionna's
# All are safe to repeat; the environment is only made anew where pyproject.toml or constraints.txt changed.

SHELL := /bin/sh
VENV := .venv
PYTHON := $(VENV)/bin/python
STAMP := $(VENV)/.fairwave-installed
DOCS_STAMP := $(VENV)/.fairwave-docs-installed
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test docs lint types unit sionna-agrees clean

help:
	@sed -n 's/^# //p' Makefile

# The first interpreter that is new enough. PYTHON_BASE=/path/to/python chooses another one.
$(PYTHON):
	@base="$(PYTHON_BASE)"; \
	for name in $$base python3.11 python3.12 python3.13 python3.14 python3 python; do \
	  if command -v $$name >/dev/null 2>&1 && \
	     $$name -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	  then echo "making $(VENV) with $$($$name --version)"; exec $$name -m venv $(VENV); fi; \
	done; \
	echo "fairwave needs Python 3.11 or newer with the modules venv and ensurepip; none was found." >&2; \
	echo "Install one, or name it: make PYTHON_BASE=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1

# Of 18,000 installed modules a few thousand are ever imported: these are compiled then.
$(STAMP): $(PYTHON) pyproject.toml constraints.txt
	$(PYTHON) -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

$(DOCS_STAMP): $(STAMP)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,docs]'
	@touch $@

demo: $(STAMP)
	PYTHONDONTWRITEBYTECODE= $(VENV)/bin/fairwave run slicing-quickstart --resume

# Types and tests at once, so that no core waits.
test: lint
	@$(MAKE) --no-print-directory -j 2 types unit

docs: $(DOCS_STAMP)
	NO_MKDOCS_2_WARNING=1 OMP_NUM_THREADS=1 $(PYTHON) -m mkdocs build --quiet --strict
	@echo "build/site/index.html; with search: $(PYTHON) -m http.server --directory build/site"

lint: $(STAMP)
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

types: $(STAMP)
	$(PYTHON) -m mypy

# "Sionna agrees": path loss, line of sight, spreads, K-factor, SINR, correlations, ranks, code blocks against Sionna's own.
sionna-agrees: $(STAMP)
	OMP_NUM_THREADS=1 $(PYTHON) -m pytest -q -n $(JOBS) --dist worksteal tests/sionna

# Two busy OpenMP threads a process slow small torch operations down: one thread, several processes. Tests of a file that
# share what took long to make stay in one process (worksteal). Bytecode is kept, as a test may start many processes.
unit: $(STAMP)
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(PYTHON) -m pytest -q -n $(JOBS) --dist worksteal

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
