# `make conform` and `make test` work on a fresh machine with Python >= 3.11, make and pip: each makes .venv, installs
# what it needs and does its job. A stamp per set of packages keeps a second call from installing again.

PYTHON ?= python3
WORKERS ?= auto
DEVICE ?= cpu
MUTANTS ?= 200
CONFORM_ARGS ?=
GATE_ARGS ?=
TIME_ARGS ?=
TEST_ARGS ?=
GPU_ARGS ?=

# What `conform` and `time` need: on a GPU cupy too.
KIND := $(if $(filter cpu,$(DEVICE)),conform,cuda)
ON := $(if $(filter cpu,$(DEVICE)),,--device $(DEVICE))

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# One BLAS and OpenMP thread a process: the work is spread over processes.
PYTEST := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python -m pytest

.PHONY: help conform standin time gpu gate prove docs test check format clean
.NOTPARALLEL:

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12
	@echo 'PYTHON=python3.12 chooses the interpreter that .venv is made with, WORKERS=4 the number of test processes,'
	@echo 'DEVICE=cuda the GPU for `make conform` and `make time`,'
	@echo 'MUTANTS=200 how many of refnet'"'"'s mutants `make prove` tries.'

conform: $(VENV)/.$(KIND)  ## compare refnet with torch, write reports/latest; CONFORM_ARGS="--ops 'conv*'" selects
	$(BIN)/conform run $(ON) $(CONFORM_ARGS)

standin: $(VENV)/.conform  ## refnet's GPU path where there is no GPU: on a strict stand-in for cupy, into reports/standin
	$(BIN)/conform run --candidate refnet:cupy=stand-in --dtype float32 --check output,gradient --out reports/standin

time: $(VENV)/.$(KIND)  ## how fast refnet is beside torch, into reports/latest; TIME_ARGS=--quick for a minute
	$(BIN)/conform time $(ON) $(TIME_ARGS)

gpu: $(VENV)/.cuda  ## everything that needs a GPU, into a dated folder under reports; GPU_ARGS=--quick for ten minutes
	$(BIN)/python benchmarks/gpu.py $(GPU_ARGS)

gate: $(VENV)/.conform  ## what got worse since reports/baseline in the last `make conform`; GATE_ARGS=--update-baseline accepts it
	$(BIN)/conform gate $(GATE_ARGS)

prove: $(VENV)/.conform  ## is the harness right? legitimate implementations, planted faults, torch's gradients, mutants
	$(BIN)/python -m conformance.prove
	$(BIN)/python -m conformance.prove.trajectories
	$(BIN)/python -m conformance.derivatives
	$(BIN)/python -m conformance.prove.mutation --sample $(MUTANTS) --at-least 85

docs: $(VENV)/.dev  ## build the documentation into build/docs; warnings are errors
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -W --keep-going -n -q docs build/docs

test: $(VENV)/.dev  ## run the tests in parallel; TEST_ARGS="-k tape" selects
	$(PYTEST) -n $(WORKERS) --dist worksteal $(TEST_ARGS)

check: $(VENV)/.dev  ## format, lint, types, import direction, doctests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST) tests/test_architecture.py
	$(PYTEST) -n $(WORKERS) --doctest-modules refnet conformance

format: $(VENV)/.dev  ## format the code and mend what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove the environment, caches and the latest reports
	rm -rf $(VENV) .ruff_cache .mypy_cache .pytest_cache .hypothesis reports/latest reports/standin reports/proof reports/mutation reports/trajectories build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A Python that was packaged without ensurepip makes an environment without pip; its own pip then puts one in.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python >= 3.11 is needed, this is " + sys.version)'
	@echo 'Making $(VENV); installing torch takes a few minutes the first time.'
	$(PYTHON) -m venv --clear $(VENV) || { \
	    $(PYTHON) -m venv --clear --without-pip $(VENV) && \
	    $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }
	touch $@

# torch first and alone: asked for by its exact version, pip takes that release and nothing else of its kind.
$(VENV)/.torch: pyproject.toml | $(VENV)/.made
	$(PIP) torch==2.13.0
	touch $@

$(VENV)/.conform: $(VENV)/.torch pyproject.toml
	$(PIP) --editable '.[conform]'
	touch $@

$(VENV)/.cuda: $(VENV)/.conform
	$(PIP) --editable '.[conform,cuda]'
	touch $@

$(VENV)/.dev: $(VENV)/.torch pyproject.toml
	$(PIP) --editable '.[dev]'
	touch $(VENV)/.conform $@
