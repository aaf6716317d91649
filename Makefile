# `make run` rebuilds everything at the scale that params.yaml names; `make check` (a minute) and `make test` check it.

# The first of these that there is, whole; 3.11 is the one that most was run with.
PYTHON ?= $(or $(shell for each in python3.11 python3.12 python3.13; do $$each -c 'import ensurepip' 2>/dev/null && echo $$each && break; done),python3.11)
BIN := .venv/bin

# Whose tests `make check` runs: seconds each, and what a wrong training would show in.
QUICK := tests/compression tests/networks tests/recipes tests/training
# What `make mutants` changes, as mutmut's names of functions: all of what pyproject.toml says takes hours.
MUTANTS ?= esr.*

RESULTS := refs/results/demo
# Whose deploy form a clone holds itself, in .dvc/deploy: 8 MB. EDRN's alone would be 14.
DEPLOYED := r2net slimrlfn slimrlfn-pruned ifadnet ripfdn rlfn rfdn span spanv2

.PHONY: run results publish-results deploy-forms check test test-slow lint docs mutants clean

# Where the stages run: nothing for this machine, or profiles in workflow/profiles and of your own (docs/cluster.md).
PROFILE ?=

run: .venv/installed $(patsubst %,.venv/%-installed,$(filter slurm kubernetes,$(PROFILE)))
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m esr run $(PROFILE:%=--profile %)

# The results that dvc.lock lists, in place of an hour's run: DVC's remote `results`, from a ref that clones do not fetch.
# Where the host has no such ref: the deploy forms that came with the clone, from DVC's remote `deploy`.
results: .venv/installed
	@export PATH="$(abspath $(BIN)):$$PATH"; \
	if git fetch --quiet --depth 1 origin $(RESULTS); then \
	  mkdir -p .dvc/results && git archive FETCH_HEAD | tar -x -C .dvc/results && \
	  python -m dvc pull --quiet --remote results && python -m esr sync; \
	else \
	  python -m dvc pull --quiet --allow-missing --remote deploy fuse && \
	  echo "origin has no results: of the demo there are only the deploy forms that came with the clone" && \
	  echo "(esr upscale, esr evaluate, esr benchmark take them); make run trains all that led to them:" && \
	  ls runs/*/fuse/*/weights.safetensors; \
	fi

# One commit without a past, pushed in the place of the one before: the repository does not grow with each run.
publish-results: .venv/installed
	rm -rf .dvc/results .dvc/tmp/results-index
	$(BIN)/python -m dvc push --quiet --remote results
	export GIT_DIR="$$(git rev-parse --absolute-git-dir)" GIT_INDEX_FILE="$(CURDIR)/.dvc/tmp/results-index" && \
	  git -C .dvc/results --work-tree . add --all --force && \
	  git push --quiet --force origin "$$(git commit-tree -m 'What dvc.lock lists' $$(git write-tree)):$(RESULTS)"

# After a demo with other weights: renews .dvc/deploy, which is then to be committed.
deploy-forms: .venv/installed
	rm -rf .dvc/deploy
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m dvc push --quiet --remote deploy $(DEPLOYED:%=fuse@%)

test: .venv/engines-installed lint
	$(BIN)/python -m pytest

check: .venv/installed lint
	$(BIN)/python -m pytest -m 'not slow and not project' $(QUICK)

test-slow: .venv/engines-installed .venv/servers-installed
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

# What other engines' tests need, so that none is skipped; `make run` needs none of it.
.venv/engines-installed: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[onnx,openvino]'
	@touch $@

# What slow tests of remotes, of a shared MLflow server and of Kubernetes need besides.
.venv/servers-installed: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[s3,kubernetes,servers]'
	@touch $@

# Snakemake's plugin of that place.
.venv/slurm-installed .venv/kubernetes-installed: .venv/%-installed: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[$*]'
	@touch $@

# No part of `make test`: a tool to look for what no test would notice. Without PYTHONPATH, which would hide the mutants.
mutants: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt 'mutmut>=3.8,<4'
	env -u PYTHONPATH OMP_NUM_THREADS=1 $(BIN)/mutmut run --max-children 1 '$(MUTANTS)'
	$(BIN)/mutmut results

# Pinned, so that two machines run the same versions; the stamp is newer than what it was made from.
.venv/installed: constraints.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

clean:
	rm -rf .venv mutants
