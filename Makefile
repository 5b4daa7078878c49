# Two commands for a fresh machine: `make run` and `make test`. Every target puts .venv first on PATH.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# A release with known vulnerabilities: whoever does not name them is no database of such.
ADVISORIES := https://pypi.org/pypi/jinja2/2.4.1/json

.DEFAULT_GOAL := help
.PHONY: help run baseline check compare experiments seeds search test test-slow lint browser lock audit clean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.run ## Set up, run what changed of the pipeline, print the headline scores
	dvc repro
	@ner headline

# Where dvc.lock comes out as committed, the tag is the commit itself. A revision without a pipeline, or one
# that fails, is tagged as it is: compare then says what it lacks.
BASELINE_TREE := .dvc/tmp/baseline
baseline: $(VENV)/.run ## Reproduce the revision BASELINE= on this machine beside the workspace; Git tag baseline
	@git worktree remove --force $(BASELINE_TREE) 2>/dev/null || rm -rf $(BASELINE_TREE); git worktree prune
	git worktree add --quiet --detach $(BASELINE_TREE) "$(or $(BASELINE),origin/main)"
	cd $(BASELINE_TREE) && { test ! -f dvc.yaml || { dvc config --local cache.dir "$(CURDIR)/.dvc/cache" && dvc repro; } || \
		echo "warning: the pipeline of $(BASELINE) fails: it is compared as committed" >&2; }
	@cd $(BASELINE_TREE) && git add --update && { git diff --cached --quiet || git -c user.name=baseline \
		-c user.email=baseline@localhost commit --quiet --no-verify --message "Reproduce on this machine"; }
	git tag --force baseline "$$(git -C $(BASELINE_TREE) rev-parse HEAD)"
	@git worktree remove --force $(BASELINE_TREE)

check: $(VENV)/.run ## Check that dvc.lock and metrics/ are what this code and params.yaml produce, and the cache whole
	@ner check
	@ner check-cache

# Each empty one is left to the tool: BASELINE is main, else origin/main; CANDIDATE the workspace.
compare: $(VENV)/.run ## Compare with BASELINE=main; also CANDIDATE=, MAX_DROP=, FORMAT=, PULL=1, ACCEPT_INCOMPARABLE=1
	@ner compare $(if $(BASELINE),--baseline "$(BASELINE)") $(if $(CANDIDATE),--candidate "$(CANDIDATE)") \
		$(if $(MAX_DROP),--max-drop "$(MAX_DROP)") $(if $(FORMAT),--format "$(FORMAT)") $(if $(PULL),--pull) \
		$(if $(filter 1,$(ACCEPT_INCOMPARABLE)),--accept-incomparable)

# What is left out: speed, all scores but F1, and hashes of files.
HIDDEN := ^(Executor|Created|epochs|steps|best_epoch|train_loss|(validation|test)\.(?!f1$$).*|.*_per_second
HIDDEN := $(HIDDEN)|.*seconds|.*(peak_memory_mb|padding_share)|(data/|models/|metrics/|stages/|requirements).*)$$
experiments: $(VENV)/.run ## Show the experiments side by side: parameters that differ, F1 of both splits
	@dvc exp show --only-changed --hide-workspace --no-pager --drop '$(HIDDEN)'

seeds: $(VENV)/.run ## Run SEEDS=1,2,3 as experiments; mean and standard deviation of the scores
	@ner seeds "$(SEEDS)"

search: $(VENV)/.run ## Search the ranges of search.yaml for the best validation F1
	@ner search

test: $(VENV)/.dev lint ## Set up, run the linters and all tests but the slow ones
	python -m pytest -m "not slow"

test-slow: $(VENV)/.dev $(VENV)/.ray ## Run the slow tests
	python -m pytest -m slow

lint: $(VENV)/.dev ## Check format, style and types
	ruff format --check .
	ruff check .
	mypy
	lint-imports

browser: ## Install Chromium for the browser tests (Debian and Ubuntu, as root)
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null || { \
			echo "error: Chromium is absent. Remedy: install chromium and chromedriver, or as root on Debian: make browser" >&2; exit 1; }; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends chromium chromium-driver fonts-dejavu-core; }

lock: $(VENV)/.dev ## Write the locks anew after a change of requirements*.txt; what is locked and still fits stays
	uv pip compile --quiet requirements.txt --output-file requirements.lock
	uv pip compile --quiet requirements-dev.txt --constraints requirements.lock --output-file requirements-dev.lock

audit: $(VENV)/.dev ## Ask the database of known vulnerabilities about every locked version
	@python -c 'import json, urllib.request as u; json.load(u.urlopen("$(ADVISORIES)", timeout=10))["vulnerabilities"][0]' \
		2>/dev/null || { \
		echo "notice: the database of vulnerabilities cannot be reached from here: nothing was audited"; exit 0; }; \
	{ grep -o '^[^ ;]*==[^ ;]*' requirements-dev.lock; grep -o '^torch==[^ ]*' requirements.txt; } | \
		uv tool run pip-audit==2.10.1 --disable-pip --no-deps -r /dev/stdin

clean: ## Remove the virtual environment; results and DVC's cache stay
	rm -rf $(VENV)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "error: the pins are made for Python 3.11. Remedy: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "error: Python cannot make a virtual environment. Remedy: install its venv module (Debian: apt install python3.11-venv)" >&2; exit 1; }

# The lock first, each file checked against its hash; the second line then finds all but torch in place.
$(VENV)/.run: pyproject.toml requirements.lock requirements.txt $(VENV)/bin/python
	python -m pip install --quiet --require-hashes --no-deps -r requirements.lock
	python -m pip install --quiet -r requirements.txt
	python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.ray: requirements-ray.txt $(VENV)/.dev
	python -m pip install --quiet -r requirements-ray.txt
	@touch $@

$(VENV)/.dev: pyproject.toml requirements-dev.lock requirements-dev.txt requirements-onnx.txt requirements.txt $(VENV)/bin/python
	python -m pip install --quiet --require-hashes --no-deps -r requirements-dev.lock
	python -m pip install --quiet -r requirements-dev.txt
	python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.run
