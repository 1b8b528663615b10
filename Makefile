# `make help` lists what there is. Every command first makes or updates .venv; nothing else is needed than Python and make.

PY := .venv/bin/python
PYTEST := $(PY) -m pytest
PYTEST_ARGS ?= -n 2
READY := .venv/.ready
READERS := .venv-readers/.ready
LOWEST := .venv-lowest/.ready

# Old and new releases of pip pin their isolated builds by different variables.
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt

.PHONY: help demo ui test test-lowest check docs bench soak
.DEFAULT_GOAL := help

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## late rows, a gate, killed runs, time travel and expiry on real data
	$(PY) -m example_project.demo

ui: $(READY) .dagster_home/dagster.yaml ## the example project in Dagster's web UI
	DAGSTER_HOME="$(CURDIR)/.dagster_home" $(PY) -m dagster dev -w workspace.yaml

test: $(READY) ## all tests but the long ones
	$(PYTEST) $(PYTEST_ARGS)

check: $(READY) ## format, lint, types, layers, dead links
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m pyright
	.venv/bin/lint-imports
	$(PYTEST) -q tests/package

docs: $(READY) ## run the examples of the documentation and look for dead links
	$(PYTEST) -q tests/package $(wildcard tests/docs)

test-lowest: $(LOWEST) ## all tests with the oldest libraries that pyproject.toml allows
	.venv-lowest/bin/python -m pytest $(PYTEST_ARGS)

bench: $(READY) ## speed, as ratios against plain library calls
	$(PY) -m benchmarks

soak: $(READY) $(READERS) ## the long tests, and far more examples of the random ones (MINUTES=60: as long for each); Spark's need Java
	@$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[dev,engines]'
	SOAK_MINUTES=$(MINUTES) $(PYTEST) $(PYTEST_ARGS) -m "slow or soak" --hypothesis-profile=soak

.dagster_home/dagster.yaml: example_project/dagster.yaml
	@mkdir -p .dagster_home
	@cp $< $@

# Set in the recipe: a variable of the target would be one of $(READY), too.
$(LOWEST): pyproject.toml constraints-lowest.txt $(READY)
	$(PY) -m venv --clear .venv-lowest
	@echo "Installing into .venv-lowest (some minutes)"
	@PIP_CONSTRAINT=constraints-lowest.txt PIP_BUILD_CONSTRAINT=constraints-lowest.txt .venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# Engines that read mirrors, with the extensions that packages bring: these take other releases than `.venv` has.
$(READERS): Makefile $(READY)
	$(PY) -m venv --clear .venv-readers
	@echo "Installing engines into .venv-readers (a minute)"
	@PIP_CONSTRAINT= PIP_BUILD_CONSTRAINT= .venv-readers/bin/python -m pip install --quiet --disable-pip-version-check \
	  pyspark==3.5.9 snowpark-connect-deps-iceberg==1.0.2 pyarrow setuptools \
	  duckdb==1.4.4 duckdb-ext duckdb-ext-parquet duckdb-ext-avro duckdb-ext-iceberg duckdb-ext-delta
	@touch $@

# An environment whose Python has gone (the system was upgraded) counts as none.
ifneq (ok, $(shell $(PY) -c '' 2>/dev/null && echo ok))
.PHONY: $(READY)
endif

# A candidate counts if it runs, is of a pinned release, and can make environments.
$(READY): pyproject.toml constraints.txt
	@set -e; \
	if ! $(PY) -c '' 2>/dev/null; then \
	  for python in $(PYTHON) python3 python3.13 python3.12 python3.11 python3.14 python; do \
	    if "$$python" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; \
	    then found="$$python"; break; fi; \
	  done; \
	  if test -z "$${found:-}"; then \
	    echo "No Python 3.11 to 3.14 with the venv module was found." >&2; \
	    echo "Install one (on Debian and Ubuntu: python3 and python3-venv), or name it: make PYTHON=/path/to/python3" >&2; \
	    exit 1; \
	  fi; \
	  echo "Making .venv with $$("$$found" -V)"; \
	  "$$found" -m venv --clear .venv; \
	fi
	@echo "Installing into .venv (about a minute the first time)"
	@$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
