# Set up, run, test. Every target sets itself up; nothing is written outside this folder.
#   make run        the whole pipeline on the default, simulated genome
#   make test       every quick test and check
#   make test-all   the slow tests on real genomes as well (GENESCRIBE_DATA=folder)
#   make test-slurm the workflow through a Slurm brought up on this machine (root; munge, slurmctld, slurmd)
#   make test-kills the tiny workflow and annotation killed KILLS=100 times each, and the same bytes afterwards
#   make test-tools every rule that runs an outside tool (busco, hmmer, augustus, gffread, genometools)
#   make gpu        check and measure everything on a GPU in 8 minutes (docs/gpu.md); DEVICE=cpu rehearses it
#   make gpu-bundle the files that make gpu needs on a machine without a network: GENOME=genome.fa; DEVICE=cpu: a toy
#   make dist       the package as a wheel and as sources, in dist/
#   make docs       the documentation as a site, results/site/index.html
#   make profiles   make profiles/slurm known to Snakemake: snakemake --profile slurm
# PyTorch's build: make run TORCH_INDEX=https://download.pytorch.org/whl/cpu (or any other pip index).

SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
CORES ?= $(shell nproc)
TORCH ?= torch==2.13.0
TORCH_INDEX ?=
PYTEST_ARGS ?=
KILLS ?= 100
DEVICE ?= auto
MINUTES ?= 8
GENOME ?=

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: setup run test test-all test-slurm test-tools test-kills gpu gpu-bundle profiles lint dist docs format schema lock clean

setup: $(STAMP)

$(STAMP): pyproject.toml setup.py requirements.lock $(wildcard lib/genescribe/kernels/native/*)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "genescribe: error: $(PYTHON) is older than 3.11; name a newer one: make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "genescribe: error: no virtual environment could be made; on Debian: apt install python3-venv" >&2; exit 2; }
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet $(TORCH) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
	$(BIN)/python -m pip install --quiet -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

run: setup
	snakemake --cores $(CORES)
	@python scripts/show_scores.py

test: setup lint
	python -m pytest -n $(CORES) -m "not slow and not slurm and not tools" $(PYTEST_ARGS)

test-all: setup lint
	python -m pytest -n $(CORES) -m "not slurm" $(PYTEST_ARGS)
	python -m pytest tests/slurm $(PYTEST_ARGS)

test-slurm: setup
	python -m pytest tests/slurm $(PYTEST_ARGS)

test-tools: setup
	python -m pytest -n $(CORES) -m "tools and not slow" $(PYTEST_ARGS)

test-kills: setup
	python -m pytest -s -n 0 -m kills tests/workflow --kills $(KILLS) $(PYTEST_ARGS)

# Not of `setup`: the GPU's machine may have no network, and a PyTorch of its own.
GPU = PYTHONPATH=lib $(PYTHON) benchmarks/gpu.py

GPU_BUNDLE = $(if $(filter cpu,$(DEVICE)),gpu_rehearsal,gpu_bundle)

gpu:
	$(GPU) --device $(DEVICE) --minutes $(MINUTES) --bundle results/$(GPU_BUNDLE)

gpu-bundle: setup
	$(BIN)/python benchmarks/gpu.py --prepare --device $(DEVICE) --bundle results/$(GPU_BUNDLE) \
	  $(if $(GENOME),--genome $(GENOME))

PROFILES = $(or $(XDG_CONFIG_HOME),$(HOME)/.config)/snakemake

profiles:
	@mkdir -p "$(PROFILES)"
	@[ ! -e "$(PROFILES)/slurm" ] || [ -L "$(PROFILES)/slurm" ] || \
	  { echo "genescribe: error: $(PROFILES)/slurm is there already and is no link: move it away" >&2; exit 2; }
	ln -sfn "$(CURDIR)/profiles/slurm" "$(PROFILES)/slurm"

lint: setup
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	snakefmt --check Snakefile rules
	snakemake --lint

dist: setup
	$(BIN)/python -m pip install --quiet build
	$(BIN)/python -m build

docs: setup
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet

format: setup
	ruff check --fix .
	ruff format .
	snakefmt Snakefile rules

schema: setup
	python -m genescribe.workflow.schema rules/config.schema.yaml

lock:
	$(BIN)/python -m pip freeze --exclude-editable --exclude torch --exclude pip | \
	  grep -v -E '^(nvidia-|cuda-)' > requirements.lock

clean:
	rm -rf results .snakemake
