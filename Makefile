# Each target sets up its environment by itself.
PYTHON ?= python3
BIN := .venv/bin
BENCH := benchmarks/.venv/bin/python -W ignore -m
PURELIB := 'import sysconfig; print(sysconfig.get_path("purelib"))'
# QUICK=--quick takes minutes: to see the benchmark work, and to try a few of the faults.
QUICK ?=

# A pretended cluster's folder; short, because a socket's path may have only 108 characters.
SLURM ?= /tmp/flowdepth-slurm-$(shell id -un)
SLURM_TESTS ?= slurm

.PHONY: study watch test faults test-slurm slurm-up slurm-down lint docs benchmark benchmark-study constraints clean

study: .venv/installed
	@$(BIN)/snakemake

# STUDY=studies/mnist.yaml watches another study than config.yaml.
watch: .venv/installed
	@$(BIN)/python -P -m flowdepth.monitor.watch $(if $(STUDY),--configfile $(STUDY))

test: .venv/installed
	$(BIN)/pytest -n 2 --dist worksteal

faults: .venv/installed
	FAULTS_QUICK=$(QUICK) FAULTS_SEED=$${FAULTS_SEED:-$$(date +%s)} $(BIN)/pytest -n 2 --dist worksteal -m faults

test-slurm: .venv/installed
	$(BIN)/pytest tests/slurm -v -rs -m '$(SLURM_TESTS)'

slurm-up: .venv/installed
	@$(BIN)/python tests/slurm/cluster.py up $(SLURM)

slurm-down: .venv/installed
	$(BIN)/python tests/slurm/cluster.py down $(SLURM)

lint: .venv/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/lint-imports
	$(BIN)/mypy

# The variable silences the theme's advertisement of its successor.
docs: .venv/installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

benchmark: benchmarks/.venv/installed
	$(BENCH) benchmarks.peers $(QUICK)
	$(BENCH) benchmarks.peers_report
	$(BENCH) benchmarks.seeds $(QUICK)
	$(BENCH) benchmarks.kinds $(QUICK)
	$(BENCH) benchmarks.memory $(QUICK)
	$(BENCH) benchmarks.annealing $(QUICK)

benchmark-study: benchmarks/.venv/installed
	$(BENCH) benchmarks.study $(QUICK)
	$(BENCH) benchmarks.dry_run $(QUICK)
	$(BENCH) benchmarks.forecast $(QUICK)

# Pins what pyproject.toml asks for and keeps what fits; UPGRADE=--upgrade takes the newest versions.
# A suffix such as +cpu is one platform's.
constraints: build/pip-tools/installed
	cp constraints.txt build/pip-tools/pins.txt
	build/pip-tools/bin/pip-compile --quiet $(UPGRADE) --extra dev --strip-extras --no-annotate \
		--no-header --no-emit-options --output-file build/pip-tools/pins.txt pyproject.toml
	echo '# Versions that the tests passed with, by `make constraints`.' > constraints.txt
	sed '/^#/d; /^$$/d; s/+[a-z0-9]*$$//' build/pip-tools/pins.txt >> constraints.txt

clean:
	rm -rf .venv .snakemake build benchmarks/.venv

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

build/pip-tools/installed:
	$(PYTHON) -m venv build/pip-tools
	build/pip-tools/bin/pip install --quiet --disable-pip-version-check pip-tools==7.6.2
	touch $@

# The peers alone: they are imported beside the packages of .venv.
benchmarks/.venv/installed: .venv/installed benchmarks/requirements.txt
	$(PYTHON) -m venv benchmarks/.venv
	echo "import site; site.addsitedir('$$($(BIN)/python -c $(PURELIB))')" \
		> "$$(benchmarks/.venv/bin/python -c $(PURELIB))/project.pth"
	benchmarks/.venv/bin/pip install --quiet --disable-pip-version-check \
		-c constraints.txt -r benchmarks/requirements.txt
	touch $@
