# Two commands: `make run` rebuilds everything at the scale that params.yaml names, `make test` checks the project.

PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: run test test-slow lint docs clean

run: .venv/installed
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m esr run

test: .venv/installed lint
	$(BIN)/python -m pytest

test-slow: .venv/installed
	$(BIN)/python -m pytest -m slow

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The site, in site/; a link that leads nowhere, or an example that prints something else, is an error.
docs: .venv/docs-installed
	$(BIN)/python docs/tools/printed.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

.venv/docs-installed: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	@touch $@

# Pinned, so that two machines run the same versions; the stamp is newer than what it was made from.
.venv/installed: constraints.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

clean:
	rm -rf .venv
