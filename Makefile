# Each target sets up .venv by itself.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: study test lint clean

study: .venv/installed
	$(BIN)/snakemake

test: .venv/installed
	$(BIN)/pytest

lint: .venv/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/lint-imports

clean:
	rm -rf .venv .snakemake

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@
