# Every target prints its own line in `make help`.
PYTHON ?= python3
VENV ?= .venv
BUNDLE ?= aura_v3
BIN := $(VENV)/bin
BENCHMARKS := train_step whole_ct host_syncs peak_memory first_iteration light_variant

.DEFAULT_GOAL := help
.PHONY: help setup setup-test demo train test check bench clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

$(VENV)/runtime.stamp: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements.txt
	@touch $@

$(VENV)/test.stamp: requirements-test.txt $(VENV)/runtime.stamp
	$(BIN)/pip install --quiet --requirement requirements-test.txt
	@touch $@

setup: $(VENV)/runtime.stamp ## install the runtime into VENV (.venv)

setup-test: $(VENV)/test.stamp ## install the runtime and what the tests need

demo: setup ## phantom, convert, train, evaluate, infer, report for BUNDLE (aura_v3)
	$(BIN)/python -m tools demo $(BUNDLE)

train: setup ## the plain training command of BUNDLE, on a phantom unless the config names data
	$(BIN)/python -m monai.bundle run --config_file bundles/$(BUNDLE)/configs/train.json

test: setup-test ## lint, then every test with coverage of tools
	$(BIN)/ruff check .
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered

check: setup-test ## lint only
	$(BIN)/ruff check .

bench: setup ## every benchmark in its quick form (see benchmarks/README.md)
	for name in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$name --quick || exit 1; done

clean: ## remove what runs have written
	rm -rf bundles/*/models bundles/*/eval dist .pytest_cache .ruff_cache .coverage*
