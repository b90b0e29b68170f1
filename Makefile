# Every target prints its own line in `make help`.
PYTHON ?= python3
VENV ?= .venv
LABEL_VENV ?= .venv-label
BUNDLE ?= aura_v3
BASE_URL ?=
BIN := $(VENV)/bin
BENCHMARKS := train_step whole_ct host_syncs peak_memory first_iteration light_variant balanced_ce surface_scores

.DEFAULT_GOAL := help
.PHONY: help setup setup-test demo train test check sync verify pack release label-test bench clean

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

test: setup-test ## lint, then every test with coverage of tools, on two cores
	$(BIN)/ruff check .
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --cov --cov-report=term:skip-covered

check: setup-test ## lint, and whether generated tables and versions are in step
	$(BIN)/ruff check .
	$(BIN)/python -m tools sync --check

sync: setup ## write what is made from the bundles' metadata: tables, packages, default files
	$(BIN)/python -m tools sync

verify: setup-test ## check every bundle in its packed form, away from the repository; one table
	$(BIN)/python -m tools verify

pack: setup ## every bundle as a zip in dist
	$(BIN)/python -m tools pack --all

release: setup ## zips, model_info.json, checksums and notes in dist; BASE_URL=where they will be
	$(BIN)/python -m tools release --output dist $(if $(BASE_URL),--base_url "$(BASE_URL)")

$(LABEL_VENV)/label.stamp: tests/integration/requirements-label.txt tests/integration/constraints-label.txt
	$(PYTHON) -m venv $(LABEL_VENV)
	$(LABEL_VENV)/bin/pip install --quiet --requirement tests/integration/requirements-label.txt \
		--constraint tests/integration/constraints-label.txt
	@touch $@

label-test: setup-test $(LABEL_VENV)/label.stamp ## a MONAI Label server, for real, in LABEL_VENV (.venv-label; 4 GB)
	LABEL_PYTHON=$(abspath $(LABEL_VENV))/bin/python $(BIN)/python -m pytest -m monai_label tests/integration

bench: setup ## every benchmark in its quick form (see benchmarks/README.md)
	for name in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$name --quick || exit 1; done

clean: ## remove what runs have written, trained weights too; what git holds stays
	git clean -ffdXq -- bundles/*/models bundles/*/eval
	rm -rf dist .pytest_cache .ruff_cache .coverage*
