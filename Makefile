# Two commands: `make run` rebuilds everything at the scale that params.yaml names, `make test` checks the project.

PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: run test test-slow lint clean

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

# Pinned, so that two machines run the same versions; the stamp is newer than what it was made from.
.venv/installed: constraints.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

clean:
	rm -rf .venv
