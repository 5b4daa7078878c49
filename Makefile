# Two commands for a fresh machine: `make run` and `make test`. GNU make 3.81, macOS's, is enough.
VENV := .venv
# Programs are called by their path: make 3.81 looks on the PATH that it was started with. DVC finds `python`,
# and tools find dvc, on this one.
BIN := PATH="$$PWD/$(VENV)/bin:$$PATH" $(VENV)/bin
# Nothing is installed outside $(VENV).
PIP := $(VENV)/bin/python -m pip
IN_VENV := $(VENV)/bin/python -c 'import sys; sys.exit(sys.prefix == sys.base_prefix)' || { \
	echo "error: $(VENV) is no virtual environment: nothing is installed. Remedy: make clean, then again" >&2; exit 1; }
export PIP_REQUIRE_VIRTUALENV := 1
unexport PIP_TARGET PIP_PREFIX PIP_USER PIP_ROOT PYTHONHOME
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# What a user passes reaches the shell as a variable, never as part of a command: "$$BASELINE".
OPTIONS := PYTHON TORCH BASELINE CANDIDATE MAX_DROP FORMAT SEEDS PULL ACCEPT_INCOMPARABLE
$(foreach option,$(OPTIONS),$(eval override $(option) := $$(value $(option))))
export $(OPTIONS)
# Canary: an index without a CVE for jinja2 2.4.1 has no vulnerability data.
ADVISORIES := https://pypi.org/pypi/jinja2/2.4.1/json

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run baseline check compare experiments seeds search test test-slow fresh lint browser pictures lock audit \
	clean repository FORCE

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.run ## Set up, run what changed of the pipeline, print the headline scores
	$(BIN)/dvc repro
	@$(BIN)/ner headline

baseline: $(VENV)/.run ## Reproduce revision BASELINE= on this machine, beside the workspace, and tag it baseline
	@PATH="$$PWD/$(VENV)/bin:$$PATH" scripts/make_baseline.sh "$${BASELINE:-origin/main}"

check: $(VENV)/.run ## Check that dvc.lock and metrics/ belong to this code and params.yaml, and that the cache is undamaged
	@$(BIN)/ner check
	@$(BIN)/ner check-cache

# Each empty one is left to the tool: BASELINE is main, else origin/main; CANDIDATE the workspace.
compare: $(VENV)/.run ## Compare with BASELINE=main; also CANDIDATE=, MAX_DROP=, FORMAT=, PULL=1, ACCEPT_INCOMPARABLE=1
	@test "$$ACCEPT_INCOMPARABLE" = 1 || ACCEPT_INCOMPARABLE=; \
	$(BIN)/ner compare $${BASELINE:+--baseline "$$BASELINE"} $${CANDIDATE:+--candidate "$$CANDIDATE"} \
		$${MAX_DROP:+--max-drop "$$MAX_DROP"} $${FORMAT:+--format "$$FORMAT"} $${PULL:+--pull} \
		$${ACCEPT_INCOMPARABLE:+--accept-incomparable}

# What is left out: speed, all scores but F1, and hashes of files.
HIDDEN := ^(Executor|Created|epochs|steps|best_epoch|train_loss|(validation|test)\.(?!f1$$).*|.*_per_second
HIDDEN := $(HIDDEN)|.*seconds|.*(peak_memory_mb|padding_share)|(data/|models/|metrics/|stages/|requirements).*)$$
experiments: $(VENV)/.run ## Show the experiments side by side: parameters that differ, F1 of both splits
	@$(BIN)/dvc exp show --only-changed --hide-workspace --no-pager --drop '$(HIDDEN)'

seeds: $(VENV)/.run ## Run SEEDS=1,2,3 as experiments; mean and standard deviation of the scores
	@$(BIN)/ner seeds "$$SEEDS"

search: $(VENV)/.run ## Search the ranges of search.yaml for the best validation F1
	@$(BIN)/ner search

# A process a core, each with one thread; four at most, for memory. Files stay together as far as possible.
SIDE_BY_SIDE := --numprocesses logical --maxprocesses 4 --dist worksteal
test: $(VENV)/.dev lint ## Set up, run the linters and all tests but the slow ones
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" $(SIDE_BY_SIDE)

test-slow: $(VENV)/.dev $(VENV)/.ray $(VENV)/.s3 ## Run the slow tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow $(SIDE_BY_SIDE) --durations 15

fresh: ## Run both commands in a fresh Debian 13, made in FRESH_DIR (as root on Debian; an hour, 8 GB)
	@scripts/fresh.sh

lint: $(VENV)/.dev ## Check format, style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

browser: ## Install Chromium for the browser tests (Debian and Ubuntu, as root)
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null || { \
			echo "error: Chromium is absent. Remedy: install chromium and chromedriver, or as root on Debian: make browser" >&2; exit 1; }; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends chromium chromium-driver fonts-dejavu-core; }

pictures: $(VENV)/.dev ## Take the pictures of README and docs/ from the last run (needs Chromium: make browser)
	@$(BIN)/python -m scripts.pictures

lock: $(VENV)/.dev ## Rewrite the locks after a change of requirements*.txt; locked versions that still fit stay
	$(BIN)/uv pip compile --quiet requirements.txt --output-file requirements.lock
	$(BIN)/uv pip compile --quiet requirements-dev.txt --constraints requirements.lock --output-file requirements-dev.lock

audit: $(VENV)/.dev ## Look up known vulnerabilities of every locked version
	@$(BIN)/python -c 'import json, urllib.request as u; json.load(u.urlopen("$(ADVISORIES)", timeout=10))["vulnerabilities"][0]' \
		2>/dev/null || { \
		echo "notice: the database of vulnerabilities cannot be reached from here: nothing was audited"; exit 0; }; \
	{ grep -o '^[^ ;]*==[^ ;]*' requirements-dev.lock; grep -o '^torch==[^ ]*' requirements.txt; } | \
		$(BIN)/uv tool run pip-audit==2.10.1 --disable-pip --no-deps -r /dev/stdin

clean: ## Remove the virtual environment; results and DVC's cache stay
	rm -rf $(VENV)

# Said before anything is installed: DVC keeps its records beside Git's.
repository:
	@test -e .git || git rev-parse --git-dir >/dev/null 2>&1 || { \
		echo "error: this folder is no Git repository, or git is absent (a ZIP has no .git). Remedy:" \
			"git init && git add --all && git commit --message Start" >&2; exit 1; }

$(VENV)/bin/python: | repository
	@scripts/make_venv.sh $(VENV)

# The lock first, each file checked against its hash; the last line then finds all but torch in place, and
# torch too where its CPU build was installed. TORCH=cpu, cuda or index says which build by hand.
$(VENV)/.run: pyproject.toml requirements.lock requirements.txt $(VENV)/bin/python $(if $(TORCH),FORCE)
	@$(IN_VENV)
	$(PIP) install --quiet --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m tools.install_torch
	$(PIP) install --quiet -r requirements.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.ray: requirements-ray.txt $(VENV)/.dev
	@$(IN_VENV)
	$(PIP) install --quiet -r requirements-ray.txt
	@touch $@

$(VENV)/.s3: requirements-s3.txt requirements-s3-dev.txt $(VENV)/.dev
	@$(IN_VENV)
	$(PIP) install --quiet -r requirements-s3-dev.txt
	@touch $@

$(VENV)/.dev: pyproject.toml requirements-dev.lock requirements-dev.txt requirements-lora.txt requirements-onnx.txt requirements.txt $(VENV)/bin/python \
		$(if $(TORCH),FORCE)
	@$(IN_VENV)
	$(PIP) install --quiet --require-hashes --no-deps -r requirements-dev.lock
	@$(BIN)/python -m tools.install_torch
	$(PIP) install --quiet -r requirements-dev.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.run
